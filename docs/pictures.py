"""The pictures of the start page and the README, made from a real search: `python docs/pictures.py --data FOLDER`.

`pictures/terminal.svg` is what the search prints, and `pictures/report.png` the top of its report, photographed by headless Chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.terminal_theme import MONOKAI
from rich.text import Text

from automl_cnn.cli import search
from automl_cnn.cli.console import Screen
from automl_cnn.config import study_config

HERE = Path(__file__).resolve().parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
COLUMNS = 112
MOST = 200_000  # bytes of a picture
VIEW = (1120, 1180)  # px of the report
FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # rich's, which names another host


def main() -> int:
    """Search, and write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder with one subfolder of images per class")
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--name", default="flowers")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        printed = searched(given.data, given.budget, given.name, Path(work))
        HERE.mkdir(exist_ok=True)
        command = f"automl-cnn search --data ./images --budget {given.budget} --name {given.name}"
        (HERE / "terminal.svg").write_text(drawn(command, printed), encoding="utf-8")
        photographed(Path(work) / "studies" / given.name / "report.html", HERE / "report.png")
    for path in sorted(HERE.iterdir()):
        size = path.stat().st_size
        print(f"{path}: {size:,} bytes")
        if size > MOST:
            sys.exit(f"{path.name} is larger than {MOST:,} bytes: shorten what it shows.")
    return 0


def searched(data: str, budget: str, name: str, store: Path) -> str:
    """What a search prints, with the codes of its colors."""
    screen = Screen(record=True, width=COLUMNS, color_system="truecolor", file=sys.stderr)
    search.console = lambda **_: screen
    search.go(study_config({"data": data, "budget": budget, "name": name, "store": store}), as_json=False, mlflow=True)
    printed = screen.export_text(styles=True)
    return printed.replace(str(store), "automl-cnn-runs").replace(data, "./images")


def drawn(command: str, printed: str) -> str:
    """The lines up to the configuration, as SVG that asks nobody for a font."""
    lines = printed.splitlines()
    end = next((number for number, line in enumerate(lines) if "configuration" in line), len(lines))
    screen = Screen(record=True, width=COLUMNS, color_system="truecolor", file=io.StringIO())
    screen.print(Text(f"$ {command}", style="bold"))
    for line in lines[:end]:
        screen.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis", crop=True)
    svg = screen.export_svg(title="automl-cnn", theme=MONOKAI)
    return FONT.sub("", svg).replace("Fira Code", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono")


def photographed(page: Path, to: Path) -> None:
    """The top of a page, in few colors."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"No browser for the report's picture: expected one of {', '.join(BROWSERS)} on the path.")
    size = f"--window-size={VIEW[0]},{VIEW[1]}"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, f"--screenshot={to}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(to) as picture:
        picture.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(to, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
