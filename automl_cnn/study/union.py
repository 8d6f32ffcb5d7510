"""The study's search space: the union of every plugin's declared space and the framework's own.

architecture, <architecture>.<parameter>…      active for that architecture
resolution, width, depth, batch_size           every network has them
optimizer, <optimizer>.<parameter>…
regularizer.<name> (on or off), <name>.<parameter>…
"""

from __future__ import annotations

from collections.abc import Iterable

from automl_cnn.errors import ConfigError
from automl_cnn.plugin import Plugin
from automl_cnn.registry import Registry
from automl_cnn.space import Choice, Parameter, Space

RESOLUTIONS = (16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
THUMBNAIL = 32  # px; below it photos are not told apart
WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.4)
DEPTHS = (0.5, 0.75, 1.0, 1.4)
BATCH_SIZES = (16, 32, 64, 128)


def study_space(
    registry: Registry,
    *,
    native: int,
    images: int,
    max_size: int,
    architectures: Iterable[str] | None = None,
    optimizers: Iterable[str] | None = None,
    regularizers: Iterable[str] | None = None,
) -> Space:
    """The space of a study on `images` training images whose shorter side is `native` px.

    Raises:
        PluginError: a named plugin does not exist.
        ConfigError: a kind is left without any plugin, or no architecture takes images of `max_size`.
    """
    chosen = {kind: registry.only(kind, names) for kind, names in (("architecture", architectures), ("optimizer", optimizers), ("regularizer", regularizers))}
    for kind in ("architecture", "optimizer"):
        if not chosen[kind]:
            raise ConfigError(f"No {kind} is left to search. Expected at least one of: {', '.join(registry.names(kind))}.")
    sizes = resolutions(native, max_size, max(registry.get("architecture", name).min_size for name in chosen["architecture"]))  # type: ignore[attr-defined]  # the registry keeps kinds apart
    batches = tuple(size for size in BATCH_SIZES if size <= max(16, images // 8))
    parameters = [Parameter("architecture", Choice(*chosen["architecture"]))]
    for name in chosen["architecture"]:
        parameters += _own(registry.get("architecture", name), "architecture", name)
    parameters += [
        Parameter("resolution", Choice(*sizes)),
        Parameter("width", Choice(*WIDTHS, default=1.0)),
        Parameter("depth", Choice(*DEPTHS, default=1.0)),
        Parameter("batch_size", Choice(*batches, default=min(32, max(batches)))),
        Parameter("optimizer", Choice(*chosen["optimizer"], default="adam" if "adam" in chosen["optimizer"] else None)),
    ]
    for name in chosen["optimizer"]:
        parameters += _own(registry.get("optimizer", name), "optimizer", name)
    for name in chosen["regularizer"]:
        plugin = registry.get("regularizer", name)
        parameters.append(Parameter(f"regularizer.{name}", Choice(False, True, default=plugin.default_on)))  # type: ignore[attr-defined]  # as above
        parameters += _own(plugin, f"regularizer.{name}", True)
    return Space(tuple(parameters))


def resolutions(native: int, max_size: int, min_size: int) -> tuple[int, ...]:
    """The square sizes worth trying: none above what the photos hold, since enlarging adds no detail, and no thumbnails of photos.

    Where even the smallest size an architecture takes is above that, that size alone is left.

    Raises:
        ConfigError: `max_size` is below `min_size`.
    """
    if max_size < min_size:
        raise ConfigError(f"max_size = {max_size} px, but the chosen architectures need at least {min_size} px. Raise --max-size or choose others.")
    top = next((size for size in RESOLUTIONS if size >= native), RESOLUTIONS[-1])
    least = max(min_size, min(native, THUMBNAIL))
    return tuple(size for size in RESOLUTIONS if least <= size <= min(top, max_size)) or (min_size,)


def _own(plugin: type[Plugin], switch: str, value: str | bool) -> list[Parameter]:
    return [Parameter(f"{plugin.name}.{key}", domain, ((switch, value),)) for key, domain in plugin.domains().items()]
