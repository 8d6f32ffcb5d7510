"""Starting points that did well on other images: a portfolio, found by `benchmarks/portfolio.py` and kept as data beside this package.

Feurer et al. 2022, Auto-sklearn 2.0: hands-free AutoML via meta-learning, https://jmlr.org/papers/v23/21-0992.html
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automl_cnn.records import Job, State
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.plan.stages.defaults import SIZES, essence, fidelity, hopeless, hurried, tried_first
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import NONE, PRETRAINED, is_probe

STAGE = "portfolio"
FILE = "portfolio.json"
REASON = "known to do well on other image sets"
PART = 0.5  # of the first trials after the probes; the others show what each architecture can do here
NEAREST = ("batch_size", "depth")  # what a study may have fewer values of


@functools.cache
def entries() -> tuple[Mapping[str, Scalar], ...]:
    """The configurations of the portfolio, the best first; sizes are left to the study."""
    content: dict[str, Any] = json.loads((importlib.resources.files("automl_cnn.study.plan") / FILE).read_text(encoding="utf-8"))
    return tuple(entry["configuration"] for entry in content["entries"])


@dataclass(frozen=True)
class Portfolio:
    """Tries the entries that exist in the study's space and fit into the time, after the probes and before most defaults."""

    sizing: Sizing
    known: tuple[Mapping[str, Scalar], ...] = field(default_factory=entries)

    def next(self, now: Situation) -> Job | None:
        if hurried(now):
            return None
        first = [trial for trial in now.begun if trial.state is not State.FAILED]
        probes = sum(is_probe(trial.configuration) for trial in first)
        mine = sum(trial.stage == STAGE for trial in first)
        if now.share is not None and (tried_first(now) >= now.defaults or mine >= math.ceil(PART * (now.defaults - probes))):
            return None
        tried = {essence(trial.configuration) for trial in now.begun}
        for entry in self.known:
            given = adapted(entry, self.sizing.space)
            if given is None or hopeless(self.sizing, given, now):
                continue
            configuration = self.sizing.default(given, now.done, now.share)
            if essence(configuration) in tried or not self.sizing.allowed(configuration) or self.sizing.broken(configuration) is not None:
                continue
            if not now.begun or now.left >= self.sizing.wanted(configuration, now.done, now.share):
                return Job(configuration, fidelity(self.sizing, configuration, now), REASON, STAGE)
        return None


def adapted(entry: Configuration, space: Space) -> dict[str, Scalar] | None:
    """An entry in the words of a study's space, without its sizes; None where it needs a plugin or a value that the study lacks.

    What the entry does not know of (a plugin made since) gets its default.
    """
    starts = f"{PRETRAINED}{entry['architecture']}"
    if starts in space:
        entry = {starts: NONE, **entry}  # found where there were no weights to begin with
    given: dict[str, Scalar] = {}
    for parameter in space:
        if parameter.name in SIZES or not parameter.active(given):
            continue
        domain, value = parameter.domain, entry.get(parameter.name, parameter.domain.default)
        if parameter.name in NEAREST and isinstance(domain, Choice):
            value = min(domain.options, key=lambda option: abs(float(option) - float(value)))
        if not domain.contains(value):
            return None
        given[parameter.name] = domain.normal(value)
    lost = [name for name, value in entry.items() if name not in given and name not in SIZES and value not in (NONE, False)]
    return None if lost else given
