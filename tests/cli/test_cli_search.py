from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
import tomllib

import cli_fakes
import pytest
from cli_fakes import RESULT
from imports import heavy

from automl_cnn import elapsed
from automl_cnn.cli.console import Screen
from automl_cnn.config import StudyConfig
from automl_cnn.databases import parse
from automl_cnn.errors import DataError
from automl_cnn.urls import server


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["plugins", "list"], ["--version"]])
def test_nothing_heavy_is_imported(arguments):
    assert heavy(arguments) == []


def test_the_module_runs_as_a_script():
    done = subprocess.run([sys.executable, "-m", "automl_cnn", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"automl-cnn \d+\.\d+\.\d+\n", done.stdout)


def test_every_setting_has_a_flag(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = cli("search", "--help").stdout
    assert [field for field in StudyConfig.model_fields if f"--{field.replace('_', '-')}" not in shown] == []


def test_flags_become_settings(cli, fake_search, tmp_path):
    flags = {
        "--data": tmp_path,
        "--budget": "1h30m",
        "--trials": 7,
        "--seed": 3,
        "--name": "flowers",
        "--store": tmp_path / "store",
        "--plugins-dir": tmp_path,
        "--architectures": "vgg,resnet",
        "--optimizers": "adam",
        "--regularizers": "l2",
        "--pretrained": "lite0",
        "--weights": str(tmp_path / "mine.pth"),
        "--metric": "f1",
        "--objectives": "f1",  # alone, it is the metric
        "--class-weights": "on",
        "--val-share": 0.2,
        "--test-share": 0.1,
        "--ensemble": "off",
        "--refit": "train",
        "--engine": "keras-tuner",
        "--sampler": "hyperband",
        "--pruner": "none",
        "--guided": "off",
        "--scaling": "off",
        "--max-epochs": 9,
        "--max-resolution": 64,
        "--max-params": "1.5M",
        "--max-mult-adds": "300M",
        "--max-size": "5MB",
        "--max-latency": "20ms",
        "--max-disk": "2GB",
        "--max-pixels": "100M",
        "--columns": "path=file",
        "--labels": str(tmp_path / "suspects.csv"),
        "--group-by": r"(person\d+)",
        "--task": "multiclass",
        "--ordered": "low,high",
        "--loss": "huber",
        "--fit": "pad",
        "--folds": 5,
        "--storage": "postgresql://ana@db.example/studies",
        "--mlflow-uri": "http://mlflow.example:5000",
        "--workers": 2,
        "--executor": "ray",
        "--address": "head:6379",
        "--cpus-per-trial": 4,
        "--gpus-per-trial": 0.5,
        "--exchange": "s3://bucket/x",
    }
    done = cli("search", *(part for pair in flags.items() for part in pair), "--drop-leaks", "--no-mlflow")
    assert done.exit_code == 0, done.output
    assert fake_search.config == StudyConfig(
        data=tmp_path,
        budget=5400,
        trials=7,
        seed=3,
        name="flowers",
        store=tmp_path / "store",
        plugins_dir=tmp_path,
        architectures=("vgg", "resnet"),
        optimizers=("adam",),
        regularizers=("l2",),
        pretrained="lite0",
        weights=tmp_path / "mine.pth",
        metric="f1",
        class_weights="on",
        val_share=0.2,
        test_share=0.1,
        ensemble="off",
        refit="train",
        engine="keras-tuner",
        sampler="hyperband",
        pruner="none",
        scaling="off",
        guided="off",
        max_epochs=9,
        max_resolution=64,
        max_params=1.5e6,
        max_mult_adds=300e6,
        max_size=5e6,
        max_latency=20,
        max_disk=2e9,
        max_pixels=1e8,
        columns="path=file",
        labels=tmp_path / "suspects.csv",
        group_by=r"(person\d+)",
        task="multiclass",
        ordered=("low", "high"),
        loss="huber",
        fit="pad",
        folds=5,
        workers=2,
        executor="ray",
        address="head:6379",
        cpus_per_trial=4,
        gpus_per_trial=0.5,
        exchange="s3://bucket/x",
        drop_leaks=True,
        storage=parse("postgresql://ana@db.example/studies"),
        mlflow_uri=server("http://mlflow.example:5000"),
    )
    assert fake_search.options["track"] is False
    assert 0 <= elapsed.now() - fake_search.options["started"] < elapsed.LATEST  # since this process began
    assert {*flags, "--drop-leaks"} == {f"--{field.replace('_', '-')}" for field in StudyConfig.model_fields}


def test_flags_override_the_study_file(cli, fake_search, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text('data = "photos"\nbudget = "5m"\nseed = 4\n')
    assert cli("search", "--config", file, "--seed", "5").exit_code == 0
    assert (str(fake_search.config.data), fake_search.config.budget, fake_search.config.seed) == ("photos", 300, 5)
    assert fake_search.options["track"] is True
    assert tomllib.loads(file.read_text())["seed"] == 4


def test_plugins_dir_comes_from_the_environment(cli, fake_search, monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOML_CNN_PLUGINS_DIR", str(tmp_path))
    cli("search", "--data", tmp_path)
    assert fake_search.config.plugins_dir == tmp_path


PLAIN = """\
   T  Plugin left out: mine.py: ImportError: no module named x
   T  flowers: 3,210 images (color) of 3 classes: 2,248 training, 481 validation, 481 test
   T  2 images are copies of others: copies stay in one split
   T  left out daisy/0.jpg: truncated
   T  left out daisy/1.jpg: truncated
   T  left out daisy/2.jpg: truncated
   T  left out daisy/3.jpg: truncated
   T  left out daisy/4.jpg: truncated
   T  left out 2 more files
   T  class rose has 12 images only
   T  going on with 1 trial, 1:00 used, best accuracy 0.823
   T  trial 1 starts: vgg, 96 px, width 0.5 (default of vgg)
   T  trial 1 epoch 5 of 12: accuracy 0.500, loss 0.200
   T  trial 1 done: accuracy 0.712 ± 0.040, 6 epochs, 14.7M parameters, 1.2G mult-adds, 1:05
   T  trial 2 starts: vgg, 96 px, width 0.5 (default of vgg)
   T  trial 2 done: accuracy 0.873 ± 0.040, 6 epochs, 2.3M parameters, 123M mult-adds, 1:02:05; best so far
   T  trial 4 starts: vgg, 96 px, width 0.5 (default of vgg)
   T  trial 4 failed after 1:05: out of memory at batch 128
   T  scoring the test images once

#  trial  network              px  width  params  mult-adds  epochs          score     time  state   finding
1      2  inception_resnet_v2  96    0.5    2.3M       123M       6  0.873 ± 0.040  1:02:05  done    underfitting
2      0  mobilenet_v2         96    0.5    2.3M       123M       6  0.823 ± 0.040     1:05  done    underfitting
3      1  vgg                  96    0.5   14.7M       1.2G       6  0.712 ± 0.040     1:05  done    underfitting
-      3  vgg                  96    0.5    2.3M       123M       6  0.900 ± 0.040     1:05  pruned  underfitting
-      4  resnet               96    0.5       -          -       0              -     1:05  failed

RULE flowers-ab12cd RULE
winner      inception_resnet_v2 (trial 2 of 5), 2.3M parameters, 123M mult-adds
validation  accuracy 0.873 (95 % interval 0.83 to 0.91)
test        accuracy 0.823 (95 % interval 0.78 to 0.86), on images never looked at before
model       /somewhere/rather/deep/in/a/home/folder/of/somebody/automl-cnn-runs/flowers-ab12cd/best/model.keras
ended       no further trial fits into the budget; the same command with a larger --budget goes on; 5 trials (1 failed) in 9:53
note        the test split is small

configuration
  architecture  inception_resnet_v2  optimizer            adam
  resolution    96                   adam.learning_rate   0.00123
  width         0.5                  regularizer.dropout  on
  depth         1                    dropout.rate         0.25

next
  automl-cnn predict flowers-ab12cd photo.jpg       label images
  automl-cnn dashboard                              browse every trial
  automl-cnn export flowers-ab12cd --out exported   the files to deploy
"""


def plain(output: str) -> str:
    """Without what differs from run to run: the time at the start of a line, the width of the rule, blanks at the end."""
    lines = [re.sub(r"^ *\d+:\d\d(:\d\d)?  ", "   T  ", line.rstrip()) for line in output.splitlines()]
    return re.sub("─+", "RULE", "\n".join(lines)) + "\n"


def test_plain_output(cli, fake_search, tmp_path):
    done = cli("search", "--data", tmp_path / "flowers", "--budget", "10m")
    assert done.exit_code == 0
    assert plain(done.stdout) == PLAIN
    assert done.stderr == ""


def test_json_is_all_there_is_on_standard_output(cli, fake_search, tmp_path):
    done = cli("search", "--data", tmp_path, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads(json.dumps(RESULT.as_dict()))
    assert plain(done.stderr) == PLAIN


def test_next_commands_name_a_store_of_ones_own_and_no_dashboard_without_mlflow(cli, fake_search, tmp_path):
    done = cli("search", "--data", tmp_path, "--store", "my store", "--no-mlflow")
    assert "automl-cnn predict flowers-ab12cd photo.jpg --store 'my store'" in done.stdout
    assert "dashboard" not in done.stdout


def test_our_errors_are_a_sentence_and_exit_with_2(cli, fake_search, monkeypatch, tmp_path):
    def refuse(config, **options):
        raise DataError("The folder [x] is empty.\nExpected images.")

    monkeypatch.setattr(sys.modules["automl_cnn.study"], "run", refuse)
    done = cli("search", "--data", tmp_path)
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", "error: The folder [x] is empty.\n       Expected images.\n")


@pytest.mark.parametrize(
    ("flags", "message"), [([], "No images were named"), (["--data", "x", "--budget", "soon"], "budget"), (["--data", "x", "--metric", "luck"], "metric")]
)
def test_settings_that_cannot_be_used(cli, fake_search, flags, message):
    done = cli("search", *flags)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert fake_search.config is None


def test_ctrl_c_exits_with_130(cli, fake_search, monkeypatch, tmp_path):
    def interrupted(config, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["automl_cnn.study"], "run", interrupted)
    assert cli("search", "--data", tmp_path).exit_code == 130


def test_without_a_backend_the_extra_is_named(cli, fake_search, monkeypatch, tmp_path):
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: False)
    monkeypatch.delenv("KERAS_BACKEND")
    done = cli("search", "--data", tmp_path)
    assert done.exit_code == 2
    assert "pip install 'automl-cnn[cpu]'" in done.stderr
    assert fake_search.config is None


@pytest.mark.parametrize("terminal", [False, True])
def test_loading_hides_what_libraries_print_and_nothing_else(capfd, monkeypatch, terminal):
    from automl_cnn.cli import backend

    monkeypatch.setattr(backend, "Screen", functools.partial(Screen, force_terminal=terminal))
    monkeypatch.setattr(sys, "stderr", os.fdopen(2, "w", closefd=False))  # what pytest puts there has a descriptor of its own

    def load() -> None:
        with backend.loading("Loading"):
            os.write(2, b"greetings\n")
            print("a warning of Python", file=sys.stderr)
            raise DataError("the model is damaged")

    with pytest.raises(DataError, match="damaged"):
        load()
    os.write(2, b"afterwards\n")
    shown = capfd.readouterr().err
    assert shown.endswith("afterwards\n")
    assert "greetings" not in shown
    assert "warning" not in shown
    assert terminal or shown == "afterwards\n"


def test_a_closed_pipe_is_no_traceback():
    done = subprocess.run(f"{sys.executable} -m automl_cnn plugins list | true", shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


def test_a_note_that_was_shown_during_the_search_is_not_repeated_in_the_summary(cli, fake_search, tmp_path, monkeypatch):
    early = ("Plugin left out: mine.py: ImportError: no module named x", "class rose has 12 images only")
    left_out = "7 files were left out: " + "; ".join(f"daisy/{number}.jpg: truncated" for number in range(5)) + "; and 2 more."
    monkeypatch.setattr(cli_fakes, "RESULT", dataclasses.replace(RESULT, notes=(*early, left_out, "a late one")))
    done = cli("search", "--data", tmp_path)
    assert [plain(done.stdout).count(text) for text in (*early, left_out, "a late one")] == [1, 1, 0, 1]
