from __future__ import annotations

import importlib

import pytest
from cli_fakes import FakeSearch
from typer.testing import CliRunner


@pytest.fixture
def fake_search(monkeypatch):
    fake = FakeSearch()
    monkeypatch.setitem(vars(importlib.import_module("automl_cnn.study")), "run", fake)
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return fake


@pytest.fixture
def cli(monkeypatch):
    """Runs the command line; `.stdout` and `.stderr` are apart."""
    from automl_cnn.cli import app

    monkeypatch.delenv("AUTOML_CNN_PLUGINS_DIR", raising=False)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
