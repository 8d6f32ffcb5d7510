"""After the first probe: the same frozen network read at several sizes, from several stages and mirrored, as much as there is time for.

On photo sets of a few hundred images, such a readout is ahead of most networks that are trained.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from automl_cnn.records import Fidelity, Job, Trial
from automl_cnn.space import Scalar
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import PROBE_EPOCHS, READING, Sizing, pace
from automl_cnn.transfer import MIRROR, MOST_STAGES, SIZES, STAGES, Readout, is_probe, readout_of

STAGE = "readouts"
SHARE = 0.45  # of all the time that is left, at most, for one readout
PASSES = READING * PROBE_EPOCHS  # how often the training images' number goes through the network: the validation images are read too
LEAST = 5.0  # seconds without which no readout is begun
TRACING = 2.0  # seconds until the network is ready for images of one more look
KINDS = (Readout(2, MOST_STAGES, True), Readout(2, MOST_STAGES, False))


@dataclass(frozen=True)
class Readouts:
    """The best plain probe, read in the most expensive way that is affordable; one for each of the weights that were probed."""

    sizing: Sizing

    def next(self, now: Situation) -> Job | None:
        read = {_weights(trial) for trial in now.begun if trial.stage == STAGE}
        probes = [trial for trial in now.done if trial.scored and is_probe(trial.configuration) and _weights(trial) not in read]
        for probe in sorted(probes, key=lambda trial: -(trial.score or 0.0)):
            configuration = self._chosen(probe, now)
            if configuration is not None:
                seconds = None if now.share is None else max(SHARE * now.budget.left, min(LEAST, now.budget.left))
                return Job(configuration, Fidelity(1, seconds), f"trial {probe.number}, read at more sizes and from more stages", STAGE)
        return None

    def _chosen(self, probe: Trial, now: Situation) -> dict[str, Scalar] | None:
        """The most expensive readout that time and limits allow. Few costs are computed: what costs more than one that breaks a limit breaks it too."""
        spare = SHARE * now.budget.left
        ladder = self._ladder(probe)
        affordable = [configuration for configuration in ladder[:-1] if self._seconds(configuration, probe, now) <= spare]
        place = bisect.bisect_left(affordable, True, key=self.sizing.allowed)
        if place < len(affordable):
            return affordable[place]
        return ladder[-1] if ladder and now.budget.left >= LEAST and self.sizing.allowed(ladder[-1]) else None

    def _ladder(self, probe: Trial) -> list[dict[str, Scalar]]:
        """Readouts of a probe's network, the most expensive first; none where the space has no readouts.

        At the same cost, two sizes are ahead of one that is larger, and mirroring is worth less than either. Last, the plain probe's own size from more
        stages: what the probe has read costs nothing, and of a large set as many images are read as time allows.
        """
        name = probe.architecture
        if f"{SIZES}{name}" not in self.sizing.space:
            return []
        plain = int(probe.configuration["resolution"])
        kinds = [(size, readout) for size in self.sizing.resolutions(probe.configuration) for readout in KINDS if len(readout.pixels(size)) > 1]
        kinds = [kind for kind in kinds if pixels(*kind) > plain**2]  # with fewer, more is lost than the second size gives
        kinds.sort(key=lambda kind: -pixels(*kind))
        ladder: list[dict[str, Scalar]] = []
        for size, readout in [*kinds, (plain, Readout(1, MOST_STAGES, False))]:
            values: dict[str, Scalar] = {f"{SIZES}{name}": readout.sizes, f"{STAGES}{name}": readout.stages, f"{MIRROR}{name}": readout.mirror}
            ladder.append({**probe.configuration, **values, "resolution": size})
        return ladder

    def _seconds(self, configuration: dict[str, Scalar], probe: Trial, now: Situation) -> float:
        """What the readout takes, by what the plain probe took: mult-adds grow with the square of the size, and add up over all looks."""
        if now.share is None:
            return 0.0
        readout, plain = readout_of(configuration), int(probe.configuration["resolution"])
        size = int(configuration["resolution"])
        looks = len(readout.pixels(size)) * (1 + readout.mirror)
        passed = PASSES * self.sizing.images * pixels(size, readout) / plain**2
        guess = pace(now.done, probe.architecture, probe.kernels or 1, self.sizing.part) * READING / max(1, probe.mult_adds or 1)
        alone = (probe.images_per_second or 0.0) * self.sizing.part / probe.part or guess
        return passed / alone + (probe.setup or 0.0) + TRACING * looks


def pixels(size: int, readout: Readout) -> int:
    """How many pixels of an image go through the network, its looks together; mult-adds grow with them."""
    return (1 + readout.mirror) * sum(side**2 for side in readout.pixels(size))


def _weights(trial: Trial) -> str:
    """Which frozen network a trial reads."""
    name = trial.architecture
    return f"{name} {trial.configuration.get(f'pretrained.{name}')}"
