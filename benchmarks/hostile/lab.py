"""Where a case works: a folder of its own, things to put into it, and ways to run the tool there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from hostile import watch
from hostile.watch import Ended, Finding

HERE = Path(__file__).resolve().parent
CLASSES = ("cat", "dog", "eel")  # of the ready-made model
NO_KERAS = 1500.0  # megabytes for what should not need Keras
KERAS = 4000.0
START = 120.0  # seconds for a command that trains nothing; generous, since it only tells a hang from a slow machine
LONG = 600.0
USAGE = re.compile(r"Usage: |go behind it|No such option")
SENTENCES = 12  # lines that an error may have


class Shared:
    """The folder of all cases, its canaries, and what is made once: a model, its exports, a finished study."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        self.root, self.seed = root, seed
        self.cases, self.home, self.canary, self.temporary = (root / name for name in ("cases", "home", "canary", "tmp"))
        for folder in (self.cases, self.home, self.canary / "folder", self.temporary):
            folder.mkdir(parents=True)
        (self.canary / "file.txt").write_text("nobody touches this")
        (self.canary / "folder" / "model.keras").write_bytes(bytes(range(256)))
        self._known = self._listing()
        self._made: dict[str, Path | None] = {}

    def lab(self, name: str) -> Lab:
        folder = self.cases / name
        folder.mkdir()
        return Lab(folder, self)

    def unchanged(self) -> None:
        """Raises Finding where something outside of the cases' folders changed."""
        now = self._listing()
        if now != self._known:
            changed = sorted(path for path in {*now, *self._known} if now.get(path) != self._known.get(path))
            raise Finding(f"changed outside of the case's folder: {', '.join(changed[:5])}")

    def restore(self) -> None:
        """Whatever the case did to what lies outside, the next one begins with it as known."""
        self._known = self._listing()

    def model(self) -> Path:
        """A folder with model.keras of three classes and the folder `exported`; made once, by the tool's own functions."""
        return self._once("model")

    def study(self) -> Path:
        """A folder with a finished study 'tiny': `store`, and its images, `photos`; a real search, made once."""
        return self._once("study")

    def environment(self) -> dict[str, str]:
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")}
        return {
            **keep,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _once(self, name: str) -> Path:
        if name not in self._made:
            folder = self.root / "made" / name
            folder.mkdir(parents=True)
            self._made[name] = None
            ended = watch.run(
                [sys.executable, "-P", str(HERE / "made.py"), name, str(folder)],
                seconds=LONG,
                megabytes=2 * KERAS,
                cwd=folder,
                env=self.environment(),
                stdin=None,
            )
            if ended.code or ended.why:
                raise Finding(f"the {name} for the cases cannot be made.{ended.tail()}")
            self._made[name] = folder
            self.restore()
        ready = self._made[name]
        if ready is None:
            raise Finding(f"the {name} for the cases could not be made")
        return ready

    def _listing(self) -> dict[str, str]:
        """All that lies around the cases: names, kinds, contents. Scratch files of libraries below the temporary folder are not looked at."""
        listing = {}
        for folder in (self.root, self.canary, self.canary / "folder", self.home):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name in (".keras", ".cache", ".config", "made") and folder in (self.home, self.root):
                    continue
                kind = "link" if path.is_symlink() else "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
                listing[str(path)] = kind
        return listing


class Lab:
    """One case's folder."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self.folder, self.shared = folder, shared
        self.work = folder / "work"  # where commands are run
        self.work.mkdir()
        self.store = folder / "store"
        self.rng = random.Random(f"{shared.seed} {folder.name}")
        self.megabytes = 0.0

    def file(self, name: str, content: bytes | str = b"") -> Path:
        """A file of the case's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def photo(self, name: str = "photo.png", side: int = 24, **options: Any) -> Path:
        """A small picture of noise."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (side, side), self.rng.randbytes(3 * side * side)).save(path, **options)
        return path

    def photos(self, name: str = "photos", classes: tuple[str, ...] = ("cat", "dog"), each: int = 2) -> Path:
        """Class folders of so few pictures that a search refuses them, after it has looked at everything."""
        for label in classes:
            for index in range(each):
                self.photo(f"{name}/{label}/{index}.png")
        return self.folder / name

    def model(self) -> Path:
        """The ready-made model, a copy that may be spoiled."""
        return Path(shutil.copy(self.shared.model() / "model.keras", self.folder / "model.keras"))

    def exported(self) -> Path:
        """The model in every installed format, a copy; the same one each time."""
        place = self.folder / "exported"
        return place if place.exists() else Path(shutil.copytree(self.shared.model() / "exported", place))

    def study(self) -> Path:
        """The store with the finished study 'tiny', a copy; its images stay where they are, unless `photos` of them are asked for."""
        return Path(shutil.copytree(self.shared.study() / "store", self.store, symlinks=True))

    def cli(self, *arguments: object, python: tuple[str, ...] = ("-P",), **expected: Any) -> Ended:
        """`automl-cnn ARGUMENTS`; what is expected is as for `run`."""
        return self.run([sys.executable, *python, "-m", "automl_cnn", *(_argument(one) for one in arguments)], **expected)

    def python(self, program: str, **expected: Any) -> Ended:
        """A program of the user's that imports the package."""
        return self.run([sys.executable, "-P", "-c", program], **expected)

    def run(
        self,
        command: list[str | bytes],
        *,
        code: int | tuple[int, ...] = 0,
        err: str = "",
        out: str | None = None,
        seconds: float = START,
        megabytes: float = NO_KERAS,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: bytes | None = None,
        wordy: bool = False,
        raw: bool = False,
        usage: bool = False,
    ) -> Ended:
        """Run a command. It must end with `code`, and its output must match the regular expressions `err` and `out`.

        Where something is refused (code 2), standard output is empty and standard error has a few lines, unless it may be `wordy`.
        `raw`: standard output is data, in which names are what they are. `usage`: it is the command line's parser that refuses.
        """
        changed = {name: value for name, value in {**self.shared.environment(), **(env or {})}.items() if value is not None}
        ended = watch.run(command, seconds=seconds, megabytes=megabytes, cwd=cwd or self.work, env=changed, stdin=stdin)
        self.megabytes = max(self.megabytes, ended.megabytes)
        watch.clean(ended, raw=raw)
        if USAGE.search(ended.err) and not usage:
            raise Finding(f"the case uses the command line wrongly.{ended.tail()}")
        codes = (code,) if isinstance(code, int) else code
        if ended.code not in codes:
            raise Finding(f"exit code {ended.code}, expected {' or '.join(map(str, codes))}.{ended.tail()}")
        if err and not re.search(err, ended.err, re.IGNORECASE | re.DOTALL):
            raise Finding(f"stderr does not match /{err}/.{ended.tail()}")
        if out is not None and not re.search(out, ended.out, re.DOTALL):
            raise Finding(f"stdout does not match /{out}/.{ended.tail()}")
        if ended.code == 2 and not wordy:
            if ended.out.strip():
                raise Finding(f"a refusal writes to standard output.{ended.tail()}")
            if not ended.err.strip() or len(ended.err.strip().splitlines()) > SENTENCES:
                raise Finding(f"a refusal of {len(ended.err.strip().splitlines())} lines, expected 1 to {SENTENCES}.{ended.tail()}")
        return ended


def rows(ended: Ended) -> list[dict[str, str]]:
    """The CSV on standard output.

    Raises:
        Finding: it is none, or its rows differ in length.
    """
    cells = list(csv.reader(io.StringIO(ended.out), strict=True))
    if not cells or any(len(row) != len(cells[0]) for row in cells):
        raise Finding(f"standard output is not a CSV with rows of one length.{ended.tail()}")
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def document(ended: Ended) -> Any:
    """The JSON on standard output, nothing else.

    Raises:
        Finding: it is none.
    """
    try:
        return json.loads(ended.out)
    except ValueError as error:
        raise Finding(f"standard output is not JSON ({error}).{ended.tail()}") from None


def _argument(one: object) -> str | bytes:
    return one if isinstance(one, (str, bytes)) else os.fsencode(one) if isinstance(one, Path) else str(one)
