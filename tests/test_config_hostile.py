"""Settings that nobody means: each is a ConfigError of a sentence, from a file, a flag or a keyword alike."""

import datetime
import os

import numpy as np
import pytest

from automl_cnn import quantities
from automl_cnn.config import study_config
from automl_cnn.errors import ConfigError
from automl_cnn.quantities import seconds

NUMBERS = [
    float("nan"),
    float("inf"),
    -float("inf"),
    -1,
    0,
    True,
    False,
    10**400,
    10**5000,
    1e300,
    datetime.date(2026, 1, 2),
    [1],
    {"a": 1},
    b"5",
    np.bool_(True),
]


@pytest.mark.parametrize("key", ["budget", "trials", "max_epochs", "max_resolution", "val_share", "max_params", "max_size", "max_latency", "max_disk", "seed"])
@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: type(value).__name__)
def test_a_number_that_cannot_be_meant_is_a_sentence(key, value):
    if (key == "seed" and type(value) is int and value == 0) or (key.startswith("max_") and value == 1e300):
        return
    with pytest.raises(ConfigError) as raised:
        study_config({"data": "x", key: value})
    assert len(str(raised.value)) < 400
    assert key in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "budget = nan",
        "budget = inf",
        "budget = 1e309",
        f"budget = {'9' * 400}",
        f"budget = {'9' * 5000}",
        f"trials = {'9' * 400}",
        "budget = true",
        "trials = true",
        "budget = 2026-01-02",
        "budget = 10:00:00",
        "val_share = nan",
        "[budget]\nseconds = 5",
        "engine = ['optuna']",
        "engine = {a = 1}",
        "objectives = {a = 1}",
        "metric = ['accuracy']",
        "architectures = [1, 2]",
        "seed = 1\nseed = 2",
        'data = "a\\u0000b"',
        "data = 3",
        "data = 'zip://example.org/cats'",
        "budget = 'ten'\u0000",
        f"budget = {'[' * 5000}{']' * 5000}",
        f"budget = {'{a=' * 5000}1{'}' * 5000}",
        f"{'.'.join('a' * 3000)} = 1",
    ],
    ids=lambda text: text[:24].encode("ascii", "backslashreplace").decode(),
)
def test_a_study_file_that_cannot_be_meant_is_a_sentence(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text if "data" in text else f'data = "x"\n{text}', encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        study_config({}, file)
    assert len(str(raised.value)) < 700


@pytest.mark.parametrize("content", [b'data = "caf\xe9"', 'data = "x"'.encode("utf-16"), b"\xff\xfe", b"\x00" * 50, b"a" * 2_000_000])
def test_a_file_that_is_no_toml_in_utf8_is_a_sentence(tmp_path, content):
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="study file"):
        study_config({}, file)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / "study.toml"
    file.write_bytes(b'\xef\xbb\xbfdata = "x"\nbudget = 90\n')
    assert study_config({}, file).budget == 90


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_only_a_regular_file_is_read(tmp_path):
    pipe = tmp_path / "study.toml"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "none.toml", tmp_path / "a\0b"):
        with pytest.raises(ConfigError):
            study_config({}, path)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, np.float32, np.float64])
def test_numbers_of_numpy_are_numbers(kind):
    config = study_config({"data": "x", "budget": kind(90), "trials": kind(3), "seed": kind(7), "max_epochs": kind(4), "max_params": kind(200)})
    assert (config.budget, config.trials, config.seed, config.max_epochs, config.max_params) == (90, 3, 7, 4, 200)
    assert type(config.trials) is int
    assert study_config({"data": "x", "val_share": kind(0.25) if kind in (np.float32, np.float64) else 0.25}).val_share == 0.25


@pytest.mark.parametrize("value", [1e16, 5e-7, 0.5, 3])
def test_amounts_take_any_number_above_zero(value):
    assert quantities.count(value) == value


@pytest.mark.parametrize("value", ["1e999", float("nan"), float("inf"), 10**400, -1.0])
def test_amounts_are_finite(value):
    with pytest.raises(ValueError, match=r"finite|above zero"):
        quantities.size(value)


def test_a_budget_has_an_end():
    assert seconds("1000d") == 86_400_000
    with pytest.raises(ValueError, match="at most 1000 days"):
        seconds("1001d")
