from typing import ClassVar

import pytest

from automl_cnn.errors import ConfigError, TrialError
from automl_cnn.plugin import Pretrained
from automl_cnn.study import weights
from automl_cnn.study.weights import choose


class Net:
    def __init__(self, *names):
        self.pretrained = tuple(Pretrained(name, f"package:{name}/*.pth", distribution=f"{name}-package") for name in names)


class Plugins:
    nets: ClassVar = {"mobile": Net("small", "large"), "deep": Net("50", "large"), "plain": Net()}

    def get(self, kind, name):
        return self.nets[name]


@pytest.fixture
def chosen(monkeypatch):
    """Ask for weights where only `here` are installed; the fetched names and the notes are kept."""

    def ask(wanted, here=("small",), file=None, fails=False):
        monkeypatch.setattr(weights, "available", lambda entry: entry.name in here)
        ask.fetched, ask.notes = [], []

        def fetch(architecture, name):
            if fails:
                raise TrialError("no network.")
            ask.fetched.append((architecture, name))

        return choose(Plugins(), ("mobile", "deep", "plain"), wanted, file=file, fetch=fetch, note=ask.notes.append)

    return ask


def test_auto_takes_what_is_on_this_machine_and_fetches_nothing(chosen):
    assert chosen("auto") == {"mobile": ("small",)}
    assert chosen("auto", here=("small", "50", "large")) == {"mobile": ("small", "large"), "deep": ("50", "large")}
    assert chosen("auto", here=()) == {}
    assert chosen.fetched == []


def test_none_is_none(chosen):
    assert chosen("none", here=("small", "50")) == {}


def test_a_name_is_taken_where_it_is_and_fetched_where_it_is_not(chosen):
    assert chosen("small") == {"mobile": ("small",)}
    assert chosen.fetched == []
    assert chosen("50") == {"deep": ("50",)}
    assert chosen.fetched == [("deep", "50")]


def test_a_users_file_stands_in_for_a_download(chosen):
    assert chosen("50", file="mine.pth") == {"deep": ("50",)}
    assert chosen.fetched == []


def test_a_failed_download_is_said_and_the_search_goes_on(chosen):
    assert chosen("50", fails=True) == {}
    assert "goes on without the pretrained weights '50': no network." in chosen.notes[0]


def test_a_name_of_two_networks_must_be_told_apart(chosen):
    with pytest.raises(ConfigError, match="mobile/large, deep/large"):
        chosen("large")
    assert chosen("deep/large", here=("large",)) == {"deep": ("large",)}


def test_an_unknown_name_gets_the_nearest(chosen):
    with pytest.raises(ConfigError, match="Did you mean 'small'"):
        chosen("smal")
