"""Several networks, trained with the same seeds on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_cnn.comparison.charts import dots
from automl_cnn.comparison.results import Contrast, Results, Row, Score
from automl_cnn.comparison.table import Comparison, ImageSet, Measure, Network
from automl_cnn.comparison.words import NAMES, cell
from automl_cnn.data import Dataset
from automl_cnn.errors import ConfigError
from automl_cnn.paired import packed
from automl_cnn.plugin import Architecture
from automl_cnn.quantities import compact
from automl_cnn.workbench.training import Trained, train

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches of a figure


@dataclass(frozen=True)
class Compared:
    """Several networks, each trained with the same seeds on the same images."""

    results: Results
    trained: Mapping[str, tuple[Trained, ...]] = field(repr=False)

    def score(self, name: str, measure: Measure = "accuracy") -> Score:
        """The mean of a measure over the seeds, with half of its 95 % interval."""
        score = self.results.score(*self._of(name), measure=measure)
        assert score is not None  # every one was trained
        return score

    def difference(self, name: str, other: str, measure: Measure = "accuracy") -> Contrast:
        """The difference of a measure, `name` minus `other`, with half of its 95 % interval."""
        contrast = self.results.contrast(*self._of(name), self._of(other)[1], measure=measure)
        assert contrast is not None  # as above
        return contrast

    def table(self, *measures: Measure) -> pd.DataFrame:
        """A row for each network: means over the seeds, with half of the 95 % interval if it is not zero."""
        import pandas as pd

        chosen: tuple[Measure, ...] = measures or ("accuracy", "train_accuracy", "params", "mult_adds", "seconds")
        rows = {name: {NAMES[measure]: cell(self.results.score(*self._of(name), measure=measure), measure) for measure in chosen} for name in self.trained}
        return pd.DataFrame.from_dict(rows, orient="index")

    def plot(self, measure: Measure = "accuracy") -> Figure:
        """A dot for each network, with its 95 % interval."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, 0.45 * len(self.trained) + 1.0), layout="constrained")
        scores = {name: self.results.score(*self._of(name), measure=measure) for name in self.trained}
        dots(figure.subplots(), {name: score for name, score in scores.items() if score is not None}, measure)
        return figure

    def _of(self, name: str) -> tuple[str, str]:
        if name not in self.trained:
            raise ConfigError(f"There is no network '{name}' here. There are: {', '.join(self.trained)}.")
        return self.results.comparison.sets[0].name, name


def compare(
    networks: Mapping[str, Architecture | Mapping[str, Any]],
    images: Dataset,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    progress: Callable[[str], None] | None = print,
    **settings: Any,
) -> Compared:
    """Train each of several networks with each seed, on the same images. Choose it to measure the effect of one decision with intervals.

    The values of `networks` are architectures, or mappings of `train`'s arguments with the key "network": `{"network": VGG(), "optimizer": SGD()}`. They
    override `settings`, the arguments of `train` that are the same for all.

    Raises:
        ConfigError: `networks` or `seeds` is empty.
        PluginError, TrialError: as in `train`.
    """
    if not networks or not seeds:
        raise ConfigError("There is nothing to compare. Pass at least one network and one seed.")
    asked = ImageSet(images.name, len(images.rows("train")), len(images.rows("val")))
    rows, trained = [], dict[str, tuple[Trained, ...]]()
    for name, given in networks.items():
        own = {"network": given} if isinstance(given, Architecture) else dict(given)
        for seed in seeds:
            one = train(**{"images": images, **settings, **own, "seed": seed, "name": name})
            trained[name] = (*trained.get(name, ()), one)
            rows.append(_row(asked, name, seed, one))
        if progress is not None:
            scores = ", ".join(f"{one.accuracy:.3f}" for one in trained[name])
            progress(f"{name:<24} {compact(trained[name][0].params):>6} parameters, accuracy {scores}")
    listed = tuple(Network(name, "", None, {}, asked, 0) for name in networks)
    comparison = Comparison(images.name, Path(), "", "", "", "", "", ("accuracy",), "", tuple(seeds), next(iter(networks)), "none", listed)
    return Compared(Results(comparison, tuple(rows)), trained)


def _row(asked: ImageSet, name: str, seed: int, one: Trained) -> Row:
    last = one.history.iloc[-1]
    return Row(
        asked.name,
        asked.train,
        name,
        "",
        seed,
        "",
        accuracy=one.accuracy,
        last_accuracy=float(last["accuracy"]),
        train_accuracy=float(last["train_accuracy"]),
        loss=float(last["loss"]),
        train_loss=float(last["train_loss"]),
        params=one.params,
        mult_adds=one.mult_adds,
        seconds=one.seconds,
        right=packed(one.correct),
    )
