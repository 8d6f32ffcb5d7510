"""An engine among other sources of trials: it hears of them in the words of its own space."""

from __future__ import annotations

import dataclasses
import math

from automl_cnn.records import Trial
from automl_cnn.scaling import PAPER
from automl_cnn.space import Choice, Configuration, Scalar, Space
from automl_cnn.study.plan.engines.protocol import Engine, Proposal
from automl_cnn.study.plan.space import PHI, PHIS


class Adapted:
    """Tells an engine of scaled networks, whose multipliers are not among the choices of its `space`, by the nearest ones."""

    def __init__(self, engine: Engine, space: Space) -> None:
        self.engine, self.space = engine, space
        self.name, self.note = engine.name, engine.note

    def ask(self) -> Proposal | None:
        return self.engine.ask()

    def begin(self, trial: Trial, proposal: int | None) -> None:
        self.engine.begin(dataclasses.replace(trial, configuration=self.translated(trial.configuration)), proposal)

    def refuse(self, proposal: Proposal) -> None:
        self.engine.refuse(proposal)

    def report(self, id: int, step: int, value: float) -> bool:
        return self.engine.report(id, step, value)

    def tell(self, trial: Trial) -> None:
        self.engine.tell(dataclasses.replace(trial, configuration=self.translated(trial.configuration)))

    def translated(self, configuration: Configuration) -> dict[str, Scalar]:
        """The configuration in the engine's words."""
        return {name: nearest(self.space, name, value) for name, value in configuration.items() if name in self.space}


class ByPhi(Adapted):
    """Lets an engine explore phi in place of width, depth and resolution.

    `outer` is the study's space, which has the three: a proposal carries those of its choices that are nearest to the
    rule's. `top` are the pixels at phi = 0.
    """

    def __init__(self, engine: Engine, space: Space, outer: Space, top: int) -> None:
        super().__init__(engine, space)
        self.outer, self.top = outer, top

    def ask(self) -> Proposal | None:
        proposal = self.engine.ask()
        if proposal is None:
            return None
        given = dict(proposal.configuration)
        if PHI in given:
            phi = float(given.pop(PHI))
            wished = {"resolution": self.top * PAPER.gamma**phi, "width": PAPER.beta**phi, "depth": PAPER.alpha**phi}
            given |= {name: nearest(self.outer, name, value) for name, value in wished.items()}
        ordered = {parameter.name: given[parameter.name] for parameter in self.outer if parameter.name in given}
        return dataclasses.replace(proposal, configuration=ordered)

    def translated(self, configuration: Configuration) -> dict[str, Scalar]:
        words = {name: value for name, value in configuration.items() if name in self.space}
        if "width" in configuration:  # else pretrained weights fix its form, and its resolution is free
            words.pop("resolution", None)
            words[PHI] = min(max(self.phi(configuration), PHIS[0]), PHIS[-1])
        return super().translated({parameter.name: words[parameter.name] for parameter in self.space if parameter.name in words})

    def phi(self, configuration: Configuration) -> float:
        """The phi whose network would cost as much, by the rule."""
        grown = float(configuration["depth"]) * float(configuration["width"]) ** 2 * (int(configuration["resolution"]) / self.top) ** 2
        return math.log(grown) / math.log(PAPER.product)


def nearest(space: Space, name: str, value: Scalar) -> Scalar:
    """The value, or the choice nearest to a number that is none of them."""
    domain = space[name].domain
    if not isinstance(domain, Choice) or domain.contains(value) or isinstance(value, (str, bool)):
        return value
    choice: Scalar = min(domain.options, key=lambda option: abs(math.log(float(option) / float(value))))
    return choice
