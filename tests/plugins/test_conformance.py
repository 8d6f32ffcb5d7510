"""Every installed plugin keeps every rule of `automl_cnn.testing`: a new one is tested by existing."""

import inspect
from pathlib import Path

import pytest

from automl_cnn import registry
from automl_cnn.testing import parametrize_with_checks

REGISTRY = registry.load()
INSTALLED = [entry.plugin for entries in REGISTRY.entries.values() for _, entry in sorted(entries.items())]


def test_every_declared_plugin_loads():
    assert REGISTRY.broken == {}


@parametrize_with_checks(INSTALLED)
def test_an_installed_plugin_keeps_every_rule(check):
    check()


@pytest.mark.parametrize("plugin", INSTALLED, ids=lambda plugin: plugin.name)
def test_a_built_in_would_load_as_anyones_single_file(plugin, tmp_path):
    source = Path(inspect.getfile(plugin))
    copy = tmp_path / source.name
    copy.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (loaded,) = registry._plugins_in(registry._import(copy))
    assert (loaded.name, loaded.domains()) == (plugin.name, plugin.domains())
