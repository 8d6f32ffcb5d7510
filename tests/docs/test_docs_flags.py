"""Commands, flags and settings that pages name exist."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
from docs_pages import DOCS, ROOT, blocks, commands, generated, texts, written

from automl_cnn.cli import app
from automl_cnn.cli.settings import SETTINGS
from automl_cnn.config import StudyConfig, study_config
from automl_cnn.flags import flags

FOREIGN = {"--env-manager", "--serve-artifacts", "--bind", "--no-deps", "--head"}  # of mlflow, python -m http.server, pip, ray
ON_PAGES = {  # of sbatch and scancel; of docker and kubectl
    "guides/slurm.md": {"--export", "--signal", "--no-kill", "--cpus-per-task", "--requeue", "--nodes", "--gpus-per-node"},
    "guides/kubernetes.md": {"--file", "--from-literal", "--tag", "--follow", "--build-arg", "--selector", "--output"},
}
ROOT_COMMAND = typer.main.get_command(app)


def everything(command=ROOT_COMMAND):
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from everything(child)


KNOWN = {name for command in everything() for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}


def command_in(line: str):
    """The command that a line calls, and the words after it."""
    words, command = shlex.split(line)[1:], ROOT_COMMAND
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    return command, words


def parsed(line: str):
    """The command of a line, and its values as the command line reads them; raises where it would refuse them."""
    command, words = command_in(line)
    return command.name, command.make_context(command.name, words).params


@pytest.mark.parametrize("page", ["README.md", *sorted(written())])
def test_each_flag_that_a_page_names_exists(page):
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", texts()[page]))
    assert named - KNOWN - FOREIGN - ON_PAGES.get(page, set()) == set()


@pytest.mark.parametrize("page", sorted(texts()))
def test_each_command_of_a_block_is_one_that_the_command_line_takes(page):
    for line in [line for block in blocks(page, texts()[page]) for line in commands(block)]:
        if "[OPTIONS]" in line:  # the usage of one
            continue
        name, values = parsed(line)
        if name == "search" and values["config"] is None:  # its values too
            study_config({key: value for key, value in values.items() if key in StudyConfig.model_fields})


@pytest.mark.parametrize("page", sorted(texts()))
def test_each_command_in_a_sentence_exists_and_has_its_flags(page):
    for line in re.findall(r"`(automl-cnn [a-z][^`\n]*)`", texts()[page]):
        command, words = command_in(line)
        assert command is not ROOT_COMMAND, f"{line!r} on {page}"
        own = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        assert {word for word in words if word.startswith("--")} - own == set(), f"{line!r} on {page}"


def test_every_command_and_every_setting_is_in_the_reference():
    reference = generated()["reference/commands.md"]
    for command in everything():
        if not hasattr(command, "commands"):
            assert re.search(rf"^## (\w+ )?{command.name}$", reference, re.MULTILINE), command.name
            for option in command.params:
                if option.param_type_name == "option" and not (command.name == "search" and option.name in {name for name, _, _ in SETTINGS}):
                    assert f"`{', '.join(option.opts)}" in reference
    settings = generated()["reference/settings.md"]
    for name, flag, _ in flags(StudyConfig):
        assert f"### {name}\n" in settings
        assert all(f"`{one}`" in settings for one in flag.names or (f"--{name.replace('_', '-')}",))


def test_a_flag_that_does_not_exist_is_noticed():
    with pytest.raises(Exception, match="--budgett"):
        parsed("automl-cnn search --data x --budgett 10m")


def test_pictures_are_small_and_load_nothing():
    for picture in (DOCS / "pictures").glob("*"):
        content = picture.read_bytes()
        assert len(content) < 200_000, picture
        assert picture.suffix != ".svg" or not re.search(rb"url\((?!#)|@import|<image", content), picture


def test_each_message_that_the_questions_quote_is_one_of_the_code():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "automl_cnn").rglob("*.py"))
    quoted = re.findall(r"^`([^`\n]+)`\n: ", written()["faq.md"], re.MULTILINE)
    assert len(quoted) > 8
    for message in quoted:
        for part in (part.strip(" .,:") for part in message.split("...")):
            assert part in code, f"{part!r} of {message!r}"
