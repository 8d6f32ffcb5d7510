"""The study's search space: the union of every plugin's declared space and the framework's own.

architecture                                   the network
pretrained.<architecture>, finetune.<…>        where it has weights to begin with: which, and what is done with them
<architecture>.<parameter>…                    active for that architecture, unless pretrained weights fix them
resolution, width, depth, batch_size           every network has them (pretrained ones have their own width and depth);
                                               with compound scaling, an engine explores phi in place of the first three
optimizer, <optimizer>.<parameter>…
regularizer.<name> (on or off), <name>.<parameter>…
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from automl_cnn.errors import ConfigError
from automl_cnn.plugin import Plugin
from automl_cnn.records import MAJORITY_CLASS
from automl_cnn.registry import Registry
from automl_cnn.space import Choice, Configuration, Float, Parameter, Scalar, Space
from automl_cnn.transfer import FINETUNE, MIRROR, MODES, MOST_SIZES, MOST_STAGES, NONE, PRETRAINED, PROBE, RATE, SIZES, STAGES

RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
THUMBNAIL = 32  # px; below it photos cannot be distinguished
WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.4)
DEPTHS = (0.5, 0.75, 1.0, 1.4)
BATCH_SIZES = (16, 32, 64, 128)
TRANSFER_SIZES = (96, 128, 160, 192, 224, 256, 288)  # px; pretrained networks know things at this scale, even where the images are smaller
PHI = "phi"
PHIS = (-12.0, 1.0)  # from a network of a few thousandths of the mult-adds to one of twice as many

Condition = tuple[tuple[str, Scalar], ...]


def study_space(
    registry: Registry,
    *,
    native: int,
    images: int,
    max_resolution: int,
    task: str = "multiclass",
    architectures: Iterable[str] | None = None,
    optimizers: Iterable[str] | None = None,
    regularizers: Iterable[str] | None = None,
    weights: Mapping[str, tuple[str, ...]] | None = None,
    note: Callable[[str], None] = lambda words: None,
) -> Space:
    """The space of a study on `images` training images whose shorter side is `native` px.

    `weights` names, by architecture, the pretrained weights that may be begun with. An architecture that takes no images of `max_resolution` is left
    out, with a `note`; so are regularizers that do not suit the `task`.

    Raises:
        PluginError: a named plugin does not exist.
        ConfigError: a kind is left without any plugin, no architecture takes images of `max_resolution`, or a named regularizer does not suit the task.
    """
    chosen = {kind: registry.only(kind, names) for kind, names in (("architecture", architectures), ("optimizer", optimizers), ("regularizer", regularizers))}
    for kind in ("architecture", "optimizer"):
        if not chosen[kind]:
            raise ConfigError(f"No {kind} is left to search. Expected at least one of: {', '.join(registry.names(kind))}.")
    chosen["regularizer"] = _suited(registry, chosen["regularizer"], task, named=regularizers is not None, note=note)
    least = smallest_inputs(registry, chosen["architecture"])
    small = [name for name in least if least[name] <= max_resolution]
    sizes = tuple(sorted({size for name in small or least for size in resolutions(native, max_resolution, least[name])}))
    for name in least.keys() - small:
        why = f"it needs images of {least[name]} px, and max_resolution is {max_resolution}"
        note(f"The architecture '{name}' is left out: {why}. Raise --max-resolution to use it.")
    chosen["architecture"] = tuple(small)
    starts = {name: names for name, names in (weights or {}).items() if name in chosen["architecture"] and names}
    if starts:
        sizes = tuple(sorted({*sizes, *(size for size in TRANSFER_SIZES if size <= max_resolution)}))
    batches = tuple(size for size in BATCH_SIZES if size <= max(16, images // 8))
    loaded: Condition = tuple((f"{PRETRAINED}{name}", entry) for name, entries in starts.items() for entry in entries)
    probed: Condition = tuple((f"{FINETUNE}{name}", PROBE) for name in starts)
    parameters = [Parameter("architecture", Choice(*chosen["architecture"]))]
    for name, entries in starts.items():
        parameters += _transfer(name, entries)
    for name in chosen["architecture"]:
        parameters += _own(registry.get("architecture", name), (("architecture", name),), loaded if name in starts else ())
    parameters += [
        Parameter("resolution", Choice(*sizes)),
        Parameter("width", Choice(*WIDTHS, default=1.0), unless=loaded),
        Parameter("depth", Choice(*DEPTHS, default=1.0), unless=loaded),
        Parameter("batch_size", Choice(*batches, default=min(32, max(batches))), unless=probed),
        Parameter("optimizer", Choice(*chosen["optimizer"], default="adam" if "adam" in chosen["optimizer"] else None), unless=probed),
    ]
    for name in chosen["optimizer"]:
        parameters += _own(registry.get("optimizer", name), (("optimizer", name),))
    for name in chosen["regularizer"]:
        plugin = registry.get("regularizer", name)
        parameters.append(Parameter(f"regularizer.{name}", Choice(False, True, default=plugin.default_on), unless=probed))  # type: ignore[attr-defined]  # as above
        parameters += _own(plugin, ((f"regularizer.{name}", True),))
    return Space(tuple(parameters))


def by_phi(space: Space) -> Space:
    """The space of an engine that explores one dimension, phi, where a study's `space` has width, depth and resolution.

    Networks with pretrained weights have a form of their own and keep their resolution.
    """
    names = [str(name) for name in space["architecture"].domain.edges()]
    scratch: Condition = tuple((f"{PRETRAINED}{name}", NONE) if f"{PRETRAINED}{name}" in space else ("architecture", name) for name in names)
    parameters = []
    for parameter in space:
        if parameter.name == "width":
            parameters.append(Parameter(PHI, Float(PHIS[0], PHIS[-1]), unless=parameter.unless))
        elif parameter.name == "resolution":
            parameters.append(Parameter(parameter.name, parameter.domain, unless=scratch))
        elif parameter.name != "depth":
            parameters.append(parameter)
    return Space(tuple(parameters))


def widened(space: Space, configuration: Configuration) -> Space:
    """The space with the configuration's own values among its choices.

    A scaled network has multipliers that nobody listed, and the majority class is not an architecture.
    """
    parameters = []
    for parameter in space:
        domain, value = parameter.domain, configuration.get(parameter.name)
        scaled = isinstance(value, (int, float)) or value == MAJORITY_CLASS
        if isinstance(domain, Choice) and value is not None and scaled and not domain.contains(value):
            domain = Choice(*domain.options, value, default=domain.default)
        parameters.append(Parameter(parameter.name, domain, parameter.when, parameter.unless))
    return Space(tuple(parameters))


def _transfer(name: str, entries: tuple[str, ...]) -> list[Parameter]:
    """Which weights an architecture begins with, and what is done with them."""
    here: Condition = (("architecture", name),)
    probed: Condition = (*here, (f"{FINETUNE}{name}", PROBE))
    scratch: Condition = ((f"{PRETRAINED}{name}", NONE),)
    return [
        Parameter(f"{PRETRAINED}{name}", Choice(*entries, NONE), here),
        Parameter(f"{FINETUNE}{name}", Choice(*MODES), here, scratch),
        Parameter(f"{RATE}{name}", Float(0.01, 1.0, default=0.1, log=True), here, (*scratch, (f"{FINETUNE}{name}", PROBE))),
        Parameter(f"{SIZES}{name}", Choice(*range(1, MOST_SIZES + 1)), probed, scratch),
        Parameter(f"{STAGES}{name}", Choice(*range(1, MOST_STAGES + 1)), probed, scratch),
        Parameter(f"{MIRROR}{name}", Choice(False, True), probed, scratch),
    ]


def smallest_inputs(registry: Registry, architectures: Iterable[str] | None = None) -> dict[str, int]:
    """The smallest input of each architecture, in pixels."""
    return {name: registry.get("architecture", name).min_size for name in registry.only("architecture", architectures)}  # type: ignore[attr-defined]  # the registry keeps kinds apart


def resolutions(native: int, max_resolution: int, min_size: int) -> tuple[int, ...]:
    """The square sizes worth trying with an architecture that needs `min_size`.

    None is above what the photos hold, since enlarging adds no detail, and none makes thumbnails of photos. Where even the
    smallest size that it takes is above that, that size alone is left.

    Raises:
        ConfigError: `max_resolution` is below `min_size`.
    """
    if max_resolution < min_size:
        raise ConfigError(f"max_resolution = {max_resolution} px, but the architecture needs at least {min_size} px. Raise --max-resolution or choose another.")
    least = max(min_size, min(native, THUMBNAIL))
    return tuple(size for size in RESOLUTIONS if least <= size <= worth_enlarging(native, max_resolution)) or (min_size,)


def worth_enlarging(native: int, max_resolution: int) -> int:
    """The largest input, in pixels, worth learning from scratch at."""
    return min(max_resolution, next((size for size in RESOLUTIONS if size >= native), RESOLUTIONS[-1]))


def _suited(registry: Registry, names: tuple[str, ...], task: str, *, named: bool, note: Callable[[str], None]) -> tuple[str, ...]:
    """The regularizers that make sense for the task; the others are refused where the user named them, else left out with a note."""
    unsuited = [name for name in names if not registry.get("regularizer", name).suits(task)]  # type: ignore[attr-defined]  # the registry keeps kinds apart
    if not unsuited:
        return names
    listed = ", ".join(f"'{name}'" for name in unsuited)
    if named:
        raise ConfigError(f"--regularizers names {listed}, which does not suit the task {task}. Leave out what does not suit it.")
    note(f"Left out, since they do not suit the task {task}: the regularizers {listed}.")
    return tuple(name for name in names if name not in unsuited)


def _own(plugin: type[Plugin], when: Condition, unless: Condition = ()) -> list[Parameter]:
    return [Parameter(f"{plugin.name}.{key}", domain, when, unless) for key, domain in plugin.domains().items()]
