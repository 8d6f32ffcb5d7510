"""A configuration -> the plugins it names, each at the point of its space that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_cnn.errors import ConfigError, PluginError, did_you_mean
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Pretrained, Regularizer
from automl_cnn.space import Configuration
from automl_cnn.transfer import weights_of

if TYPE_CHECKING:
    from automl_cnn.registry import Registry

SWITCH = "regularizer."


def plugins_of(configuration: Configuration, registry: Registry) -> tuple[Architecture, Optimizer, tuple[Regularizer, ...]]:
    """The architecture, the optimizer and the regularizers that are on, in the order of their names.

    Raises:
        ConfigError: the configuration names no architecture or no optimizer.
        PluginError: a named plugin does not exist, or lacks a parameter.
        SpaceError: a parameter is out of its range.
    """
    return architecture_of(configuration, registry), optimizer_of(configuration, registry), regularizers_of(configuration, registry)


def architecture_of(configuration: Configuration, registry: Registry) -> Architecture:
    """The architecture alone; raises as `plugins_of` does. Where it begins with pretrained weights, they say which point of its space it is."""
    entry = pretrained_of(configuration, registry)
    if entry is not None:
        prefix = f"{configuration['architecture']}."
        own = {key: value for key, value in configuration.items() if not key.startswith(prefix)}
        configuration = own | {f"{prefix}{key}": value for key, value in entry.point.items()}
    architecture = _named("architecture", configuration, registry)
    assert isinstance(architecture, Architecture)  # the registry keeps the kinds apart
    return architecture


def pretrained_of(configuration: Configuration, registry: Registry) -> Pretrained | None:
    """The weights that the network begins with; None from scratch.

    Raises:
        PluginError: the architecture has no weights of that name.
    """
    wanted = weights_of(configuration)
    if wanted is None:
        return None
    plugin = registry.get("architecture", str(configuration["architecture"]))
    assert issubclass(plugin, Architecture)  # the registry keeps the kinds apart
    entries = {entry.name: entry for entry in plugin.pretrained}
    if wanted not in entries:
        raise PluginError(f"{plugin.name} has no pretrained weights named '{wanted}'. {did_you_mean(wanted, entries)}")
    return entries[wanted]


def optimizer_of(configuration: Configuration, registry: Registry) -> Optimizer:
    """The optimizer alone; raises as `plugins_of` does."""
    optimizer = _named("optimizer", configuration, registry)
    assert isinstance(optimizer, Optimizer)  # the registry keeps the kinds apart
    return optimizer


def regularizers_of(configuration: Configuration, registry: Registry, task: str | None = None) -> tuple[Regularizer, ...]:
    """The regularizers alone; raises as `plugins_of` does.

    Raises:
        PluginError: also where one that is on does not suit the `task` of that name.
    """
    names = sorted(key.removeprefix(SWITCH) for key, value in configuration.items() if key.startswith(SWITCH) and value)
    plugins = [_point("regularizer", name, configuration, registry) for name in names]
    chosen = tuple(plugin for plugin in plugins if isinstance(plugin, Regularizer))  # all of them: the registry keeps the kinds apart
    if task is not None and (unsuited := next((one for one in chosen if not one.suits(task)), None)):
        raise PluginError(f"The regularizer '{unsuited.name}' does not suit the task {task}: expected one of {', '.join(unsuited.tasks or ())}. Turn it off.")
    return chosen


def _named(kind: str, configuration: Configuration, registry: Registry) -> Plugin:
    name = configuration.get(kind)
    if not isinstance(name, str):
        raise ConfigError(f"The configuration has {kind} = {name!r}: expected one of {', '.join(registry.names(kind))}.")
    return _point(kind, name, configuration, registry)


def _point(kind: str, name: str, configuration: Configuration, registry: Registry) -> Plugin:
    prefix = f"{name}."
    return registry.get(kind, name)(**{key.removeprefix(prefix): value for key, value in configuration.items() if key.startswith(prefix)})
