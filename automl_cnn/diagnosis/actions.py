"""What may help against what was found: the field's answers, as changes of one thing each.

The table `ANSWERS` names moves; a move looks at the configuration and the space and gives the changes that are possible there.
Plugins are named only as an order of preference: one that a study does not have is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from automl_cnn.records import Finding
from automl_cnn.space import Choice, Configuration, Float, Scalar, Space
from automl_cnn.transfer import RATE

SWITCH = "regularizer."
AUGMENTING = ("augment", "randaugment", "mixup", "cutmix")
MIXING = ("mixup", "cutmix", "randaugment")  # plain augmentation stays on: short trainings do better without, the long final one does not
DROPPING = ("dropout", "spatial_dropout", "stochastic_depth")
DECAYING = ("weight_decay", "l2", "l1")
SMOOTHING = ("label_smoothing",)
AVERAGING = ("ema",)
RATE_FACTOR = 3.0  # half a power of ten: the smallest step of a rate that is more than noise
STRENGTH_FACTOR = 3.0
STRENGTH_STEP = 0.25  # of its range, for a strength that is not logarithmic
LEAST_FACTOR = 1.5  # a value so near the edge that less is left is not moved


@dataclass(frozen=True)
class Change:
    """`configuration` differs from the parent's in `action` alone; `epochs` is the factor by which it is trained longer."""

    action: str
    configuration: Mapping[str, Scalar]
    epochs: float = 1.0


Move = Callable[[Configuration, Space], Iterator[Change]]


def changes(finding: Finding, configuration: Configuration, space: Space) -> list[Change]:
    """The changes that may help against the finding, the most promising first; none where only the user can do something."""
    actions: dict[str, Change] = {}
    for _, move in ANSWERS.get(finding.kind, ()):
        for change in move(configuration, space) if move is not None else ():
            actions.setdefault(change.action, change)
    return list(actions.values())


def words(kind: str) -> tuple[str, ...]:
    """What may help against a kind of finding, in the words of the field."""
    return tuple(text for text, _ in ANSWERS.get(kind, ()))


def words_for_readout(kind: str) -> tuple[str, ...]:
    """What may help a readout of a frozen network: it has no width, no learning rate and no regularizers that could be changed."""
    return READOUTS.get(kind, tuple(text for text, move in ANSWERS.get(kind, ()) if move is None))


def changed(configuration: Configuration, space: Space, given: Configuration) -> dict[str, Scalar] | None:
    """The configuration with `given` changed, what thereby appears at its default and what disappears left out; None where the space has no such value."""
    wanted = {**configuration, **given}
    made: dict[str, Scalar] = {}
    for parameter in space:
        if not parameter.active(made):
            continue
        value = wanted.get(parameter.name, parameter.domain.default)
        if not parameter.domain.contains(value):
            return None
        made[parameter.name] = parameter.domain.normal(value)
    return made if all(name in made for name in given) and made != dict(configuration) else None


def switched(*names: str, on: bool = True) -> Move:
    """Those of these regularizers that are off, on (or the other way), each in its turn."""

    def move(configuration: Configuration, space: Space) -> Iterator[Change]:
        for name in names:
            if configuration.get(f"{SWITCH}{name}") is (not on) and (made := changed(configuration, space, {f"{SWITCH}{name}": on})):
                yield Change(f"{name} {'on' if on else 'off'}", made)

    return move


def stronger(*names: str) -> Move:
    """Those of these regularizers that are on, stronger in their first number."""

    def move(configuration: Configuration, space: Space) -> Iterator[Change]:
        for name in names:
            own = [parameter for parameter in space if parameter.name.startswith(f"{name}.") and isinstance(parameter.domain, Float)]
            if configuration.get(f"{SWITCH}{name}") is not True or not own or own[0].name not in configuration:
                continue
            domain, before = own[0].domain, float(configuration[own[0].name])
            assert isinstance(domain, Float)  # chosen for it
            after = min(domain.high, before * STRENGTH_FACTOR if domain.log else before + STRENGTH_STEP * (domain.high - domain.low))
            if after > before * (LEAST_FACTOR if domain.log else 1.01) and (made := changed(configuration, space, {own[0].name: after})):
                yield Change(f"{name} stronger", made)

    return move


def stepped(name: str, up: bool, text: str) -> Move:
    """The next larger or smaller value of one of the framework's own parameters."""

    def move(configuration: Configuration, space: Space) -> Iterator[Change]:
        if name not in configuration or name not in space:
            return
        domain = space[name].domain
        options = sorted(float(option) for option in (domain.options if isinstance(domain, Choice) else domain.edges()))
        beyond = [option for option in options if (option > float(configuration[name]) if up else option < float(configuration[name]))]
        if beyond and (made := changed(configuration, space, {name: min(beyond) if up else max(beyond)})):
            yield Change(text, made)

    return move


def rate(factor: float, text: str) -> Move:
    """The optimizer's learning rate, and that of pretrained layers, times a factor."""

    def move(configuration: Configuration, space: Space) -> Iterator[Change]:
        own, below = f"{configuration.get('optimizer')}.learning_rate", f"{RATE}{configuration.get('architecture')}"
        for name, what in ((own, "rate"), (below, "pretrained layers' rate")):
            domain = space[name].domain if name in space and name in configuration else None
            if not isinstance(domain, Float):
                continue
            before = float(configuration[name])
            after = min(domain.high, max(domain.low, before * factor))
            if max(after / before, before / after) >= LEAST_FACTOR and (made := changed(configuration, space, {name: after})):
                yield Change(f"{what} {text}", made)

    return move


def longer(configuration: Configuration, space: Space) -> Iterator[Change]:
    """Twice the epochs; only of use where no seconds limit them."""
    yield Change("trained longer", dict(configuration), 2.0)


WIDER, NARROWER = stepped("width", True, "wider"), stepped("width", False, "narrower")
DEEPER, SHALLOWER = stepped("depth", True, "deeper"), stepped("depth", False, "shallower")
SHARPER, COARSER = stepped("resolution", True, "higher resolution"), stepped("resolution", False, "lower resolution")
LARGER_BATCH = stepped("batch_size", True, "larger batch")
RATE_UP, RATE_DOWN = rate(RATE_FACTOR, "up"), rate(1 / RATE_FACTOR, "down")

Answers = tuple[tuple[str, Move | None], ...]
ANSWERS: dict[str, Answers] = {
    "overfitting": (
        ("augmentation", switched(*AUGMENTING)),
        ("dropout", switched(*DROPPING)),
        ("weight decay or L2", switched(*DECAYING)),
        ("stronger regularization", stronger(*AUGMENTING, *DROPPING, *DECAYING)),
        ("a narrower network", NARROWER),
        ("a shallower network", SHALLOWER),
        ("label smoothing", switched(*SMOOTHING)),
        ("more images", None),
    ),
    "underfitting": (
        ("a wider network", WIDER),
        ("a deeper network", DEEPER),
        ("a higher resolution", SHARPER),
        ("less regularization", switched(*DROPPING, *DECAYING, *SMOOTHING, *MIXING, on=False)),
        ("a higher learning rate", RATE_UP),
        ("another architecture", None),
    ),
    "not_converged": (
        ("longer training", longer),
        ("a higher learning rate", RATE_UP),
        ("a lower resolution, for more epochs in the same time", COARSER),
        ("a narrower network, for more epochs in the same time", NARROWER),
        ("less regularization", switched(*MIXING, on=False)),
    ),
    "rate_too_high": (("a lower learning rate", RATE_DOWN), ("a larger batch", LARGER_BATCH), ("averaged weights", switched(*AVERAGING))),
    "rate_too_low": (("a higher learning rate", RATE_UP), ("longer training", longer)),
    "plateau": (("a lower learning rate", RATE_DOWN), ("a higher resolution", SHARPER), ("a wider network", WIDER), ("averaged weights", switched(*AVERAGING))),
    "noisy_validation": (("averaged weights", switched(*AVERAGING)), ("more validation images", None)),
    "label_noise": (("a review of the labels", None), ("label smoothing", switched(*SMOOTHING)), ("augmentation", switched(*AUGMENTING))),
    "leak": (("a split without copies", None),),
    "worse_than_baseline": (
        ("pretrained weights", None),
        ("longer training", longer),
        ("a higher learning rate", RATE_UP),
        ("a lower learning rate", RATE_DOWN),
    ),
    "data_limited": (("more images", None), ("augmentation", switched(*AUGMENTING)), ("stronger augmentation", stronger(*AUGMENTING))),
    "good_fit": (
        ("a wider network", WIDER),
        ("a higher resolution", SHARPER),
        ("a deeper network", DEEPER),
        ("averaged weights", switched(*AVERAGING)),
        ("label smoothing", switched(*SMOOTHING)),
        ("a lower learning rate", RATE_DOWN),
        ("a higher learning rate", RATE_UP),
    ),
}
_READ_MORE = ("a higher resolution", "features of more stages and sizes", "fine-tuned layers")
READOUTS = {
    "good_fit": (*_READ_MORE, "more images"),
    "underfitting": (*_READ_MORE, "another architecture"),
    "worse_than_baseline": (*_READ_MORE, "another architecture"),
}
