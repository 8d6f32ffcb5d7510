"""The stories of the architectures name what there is."""

from pathlib import Path

import pytest

from automl_cnn import registry
from automl_cnn.plugin import Architecture

ROOT = Path(__file__).parent.parent.parent
LOADED = registry.load()
NAMES = LOADED.names("architecture")


def story(name):
    plugin = LOADED.get("architecture", name)
    assert issubclass(plugin, Architecture)
    return plugin.story


@pytest.mark.parametrize("name", NAMES)
def test_every_architecture_has_a_story_whose_places_exist(name):
    story_of = story(name)
    assert story_of is not None
    assert 1980 < story_of.year < 2030
    assert story_of.idea.endswith(".")
    assert set(story_of.before) | set(story_of.after) <= set(NAMES)
    assert story_of.studies
    assert [study for study in story_of.studies if not (ROOT / "studies" / study / "study.toml").exists()] == []
    assert story_of.notebooks
    assert [notebook for notebook in story_of.notebooks if not (ROOT / "notebooks" / f"{notebook}.py").exists()] == []
    assert max(map(len, story_of.block.splitlines())) <= 100, "it fits on a terminal"


def test_history_agrees_with_itself():
    for name in NAMES:
        for later in story(name).after:
            assert story(later).year >= story(name).year
            assert name in story(later).before
        for earlier in story(name).before:
            assert name in story(earlier).after
