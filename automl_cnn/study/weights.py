"""Which pretrained weights a study may begin with: those on this machine, or those the user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from automl_cnn.errors import ConfigError, PluginError, TrialError, did_you_mean
from automl_cnn.models.pretrained import available, what_to_install
from automl_cnn.plugin import Pretrained
from automl_cnn.registry import Registry

AUTO, NONE = "auto", "none"

WeightNames = dict[str, tuple[str, ...]]  # architecture -> names of its weights


def choose(
    registry: Registry,
    architectures: Iterable[str],
    wanted: str,
    *,
    file: str | None,
    fetch: Callable[[str, str], None],
    note: Callable[[str], None],
) -> WeightNames:
    """The weights by architecture. `wanted` is auto (what is on this machine), none, or a name, with its architecture's where two share it (`resnet/50`).

    Named weights that are not here are fetched with `fetch(architecture, name)`; where that fails, `note` says
    why, and the search goes on without them.

    Raises:
        ConfigError: there are no weights of that name; the message names those there are.
    """
    if wanted == NONE:
        return {}
    entries = [(architecture, entry) for architecture in architectures for entry in _entries(registry, architecture)]
    if wanted == AUTO:
        weights: WeightNames = {}
        for architecture, entry in entries:
            if available(entry):
                weights[architecture] = (*weights.get(architecture, ()), entry.name)
        return weights
    chosen = [(architecture, entry) for architecture, entry in entries if wanted in (entry.name, f"{architecture}/{entry.name}")]
    if not chosen:
        names = [entry.name for _, entry in entries]
        raise ConfigError(f"No chosen architecture has pretrained weights named '{wanted}'. {did_you_mean(wanted, [AUTO, NONE, *names])}")
    if len(chosen) > 1:
        raise ConfigError(f"Several architectures have weights named '{wanted}'. Say which: {', '.join(f'{name}/{entry.name}' for name, entry in chosen)}.")
    architecture, entry = chosen[0]
    if file is None and not available(entry):
        try:
            fetch(architecture, entry.name)
        except (TrialError, PluginError) as error:
            note(f"The search goes on without the pretrained weights '{wanted}': {error} {what_to_install(entry)}")
            return {}
    return {architecture: (entry.name,)}


def _entries(registry: Registry, architecture: str) -> tuple[Pretrained, ...]:
    return tuple(getattr(registry.get("architecture", architecture), "pretrained", ()))
