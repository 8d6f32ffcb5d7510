"""What a first-time user sees: the bare command, and a command without images."""

from __future__ import annotations

import os

import pytest

from automl_cnn.cli import commands


def test_the_bare_command_shows_three_things_to_type(cli):
    done = cli()
    assert done.exit_code == 0
    typed = [line.strip() for line in done.stdout.splitlines() if line.startswith("  automl-cnn ")]
    assert [line.split()[1] for line in typed] == ["demo", "search", "doctor"]
    assert "automl-cnn --help" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_what_it_shows_are_commands(cli):
    for command in ("demo", "search", "doctor"):
        assert cli(command, "--help").exit_code == 0


def test_help_stays_complete(cli):
    shown = cli("--help").stdout
    assert [name for name in ("search", "check", "demo", "doctor", "export", "studies", "--install-completion") if name not in shown] == []


@pytest.mark.parametrize("command", ["check", "search", "scale"])
def test_without_images_a_folder_is_drawn_and_the_next_command_named(cli, command):
    done = cli(command)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No images were named: pass --data FOLDER")
    assert "         photos/\n           cat/\n             001.jpg\n" in done.stderr
    assert [word for word in ("train/", "table", "archive", "URL") if word not in done.stderr] == []
    assert f"automl-cnn {command} --data photos" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80


def test_the_commands_that_it_names_are_accepted(cli, fake_search, monkeypatch, tmp_path):
    """Each line to type goes through the options' own parsing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    typed = next(line for line in cli("search").stderr.splitlines() if "Next, type:" in line)
    words = typed.partition("automl-cnn ")[2].split()
    assert cli(*words).exit_code == 0
    assert fake_search.config.data.name == "photos"


def test_a_study_file_may_name_the_images(cli, fake_search, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text("trials = 3\n")
    assert "No images were named" in cli("search", "--config", file).stderr
    file.write_text(f'trials = 3\ndata = "{tmp_path.as_posix()}"\n')
    assert cli("search", "--config", file).exit_code == 0
    assert fake_search.config.data == tmp_path


@pytest.mark.parametrize("command", ["check", "search", "scale"])
def test_a_folder_without_its_option_is_put_behind_data(cli, command):
    done = cli(command, "my photos")
    assert done.exit_code == 2
    assert done.stderr == f"error: Images are named with --data. Type: automl-cnn {command} --data 'my photos'\n"


def test_a_path_with_spaces_and_no_quotes_is_recognized(cli, fake_search):
    done = cli("search", "--data", "my", "photos")
    assert done.exit_code == 2
    assert "--data 'my photos'" in done.stderr
    assert fake_search.config is None


def test_scale_without_an_architecture_names_those_there_are(cli, tmp_path):
    done = cli("scale", "--data", tmp_path)
    assert done.exit_code == 2
    assert "pass --architecture NAME" in done.stderr
    assert "resnet" in done.stderr


@pytest.mark.parametrize(("before", "after"), [(None, "3"), ("0", "0")])
def test_tensorflow_logs_nothing_unless_the_user_asks_for_it(monkeypatch, before, after):
    seen = []
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", before or "")
    if before is None:
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    for name in ("utf8_names", "prepare"):
        monkeypatch.setattr(commands.streams, name, lambda: None)
    monkeypatch.setattr(commands.foreign, "stuck", commands.foreign.stuck)
    monkeypatch.setattr(commands, "app", lambda prog_name: seen.append(os.environ["TF_CPP_MIN_LOG_LEVEL"]))
    commands.main()
    assert seen == [after]
