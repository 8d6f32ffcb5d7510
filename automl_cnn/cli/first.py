"""Help for first-time users: three commands to start with, and the layout of a folder of images if none was named."""

from __future__ import annotations

import shlex
from typing import Any

from typer.core import TyperCommand

import automl_cnn
from automl_cnn.cli.console import Text, console
from automl_cnn.errors import ConfigError
from automl_cnn.toml_file import read_toml

START = {
    "automl-cnn demo": "see it work: handwritten digits, 4 minutes",
    "automl-cnn search --data photos": "your own photos, a subfolder per class",
    "automl-cnn doctor": "check that everything is installed",
}
FOLDER = """\
  photos/
    cat/
      001.jpg
      002.jpg
    dog/
      003.jpg
      004.png"""
OTHERS = """\
Also read: folders train/, val/ and test/ with the classes in them; a
table with a path and a label in each row (CSV, JSON lines, Parquet); an
archive of a folder (.zip, .tar.gz); a URL such as s3://bucket/photos."""
NEXT = {
    "check": "",
    "search": " --budget 10m",
    "scale": " --architecture resnet",
}  # options to add to `automl-cnn COMMAND --data photos`


def welcome() -> None:
    """Print three commands to start with, and how to list the others."""
    screen = console()
    screen.print(Text(f"automl-cnn {automl_cnn.__version__} finds the best convolutional network for your images. To begin:\n"), soft_wrap=True)
    width = max(map(len, START))
    for command, purpose in START.items():
        screen.print(Text.assemble("  ", (command.ljust(width), "cyan"), "  ", purpose), soft_wrap=True)
    screen.print(Text("\nAll commands: automl-cnn --help. Options of one: automl-cnn search --help.", style="dim"), soft_wrap=True)


class ImagesCommand(TyperCommand):
    """A command that reads images with --data. If none are named, its error shows the layout of a folder of images, and what to type."""

    allow_extra_args = True  # refused below, with what was probably meant

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            ConfigError: no images are named, or there are arguments without an option.
        """
        given = ctx.params.get("data")
        if ctx.args:
            raise ConfigError(_misplaced(str(self.name), ctx.args, given))
        config = ctx.params.get("config")
        if given is None and (config is None or "data" not in read_toml(config)):
            raise ConfigError(layouts(str(self.name)))
        return super().invoke(ctx)


def layouts(command: str) -> str:
    """The layout of a folder of images, the other sources of images, and what to type next."""
    typed = f"automl-cnn {command} --data photos{NEXT[command]}"
    return (
        "No images were named: pass --data FOLDER, one subfolder a class.\n\n"
        f"{FOLDER}\n\n{OTHERS}\n\n"
        f"Next, type:   {typed}\n"
        "No images?    automl-cnn demo\n"
        f"All options:  automl-cnn {command} --help"
    )


def _misplaced(command: str, words: list[str], given: Any) -> str:
    """The error message for arguments without an option, with the command that was probably meant."""
    if given is None:
        return f"Images are named with --data. Type: automl-cnn {command} --data {shlex.quote(' '.join(words))}"
    whole = shlex.quote(f"{given} {' '.join(words)}")
    return f"Unexpected: {shlex.join(words)}. `{command}` takes options only. A path with spaces needs quotes: --data {whole}"
