"""An archive, a table or a list of labels, read as a search does from the scan to the split data set, and as `predict` does up to the files that it opens."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections import Counter
from pathlib import Path, PurePosixPath

from automl_cnn.data import dataset_of, read
from automl_cnn.data.corrections import corrected
from automl_cnn.data.corrections import read as corrections
from automl_cnn.data.decoded import look
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.listing import write_splits
from automl_cnn.data.scan import Scan
from automl_cnn.data.to_predict import pictures_of
from automl_cnn.errors import AutomlCnnError
from automl_cnn.text import inline
from fuzzing.case import Case
from fuzzing.members import OUTSIDE

LONGEST = 1200  # characters of a message


def read_all(path: Path, case: Case, number: int) -> tuple[str, str]:
    """(`problem`, `outcome`) of reading one case, whose folder is that of `path`: an empty problem is none."""
    folder = path.parent if case.main != "." else path
    root = folder.parent
    cache, before, outcome = root / "cache", _everything(root), "refused"
    problem = ""
    for use in (_searched, _predicted):
        try:
            wrong, refusal = use(path, folder, cache, case)
        except BaseException as error:
            wrong, refusal = f"{type(error).__name__}: {error}", ""
        wrong = wrong or _left(cache) or _elsewhere(before, _everything(root))
        if not wrong and case.refuse and not refusal:
            wrong = f"it is read, although {case.refuse}"
        if not wrong and case.good and refusal:
            wrong = f"it is refused, although nothing is wrong with it: {refusal}"
        problem = problem or (f"{use.__name__[1:]}: {wrong}" if wrong else "")
        outcome = "read" if use is _searched and not refusal else outcome
    shutil.rmtree(cache, ignore_errors=True)
    return problem, outcome


def _searched(path: Path, folder: Path, cache: Path, case: Case) -> tuple[str, str]:
    """What is wrong with what a search makes of a case, and why it refuses it; both empty where it is read."""
    try:
        files = scan_input(path, cache=cache, columns=case.settings.get("columns"))
        if "labels" in case.settings:
            place = folder / case.settings["labels"]
            files = corrected(files, corrections(place), place)
        if wrong := _of_scan(files, folder, cache):
            return wrong, ""
        source = read(files, cache, max_size=16)
        dataset = dataset_of(source, cache)
        write_splits(dataset, cache / "split.csv")
        dataset.save(cache / "dataset.json")
    except AutomlCnnError as error:
        return _of_message(str(error)), str(error)
    return next((f"a note is too long: {text[:200]!r}" for text in dataset.notes if len(text) > LONGEST), ""), ""


def _predicted(path: Path, folder: Path, cache: Path, case: Case) -> tuple[str, str]:
    """The same of `predict`, up to the files that it opens."""
    try:
        images = pictures_of(path, cache, case.settings.get("columns")).images
    except AutomlCnnError as error:
        return _of_message(str(error)), str(error)
    for one in images:
        if one.path != folder and not any(_is_within(one.path, place) for place in (folder, cache)):
            return f"{one.name!r} lies at {one.path}", ""
        look(one.path)
    return "" if len({one.name for one in images}) == len(images) else "two images have the same name", ""


def _of_message(text: str) -> str:
    wrong = len(text) > LONGEST or inline(text) != text or text[-1:] not in (".", "?", "!")
    return f"the message is not a sentence: {text[: LONGEST + 20]!r}" if wrong else ""


def _is_within(path: Path, folder: Path) -> bool:
    return "\0" in str(path) or os.path.realpath(os.fsencode(path)).startswith(os.path.realpath(os.fsencode(folder)) + b"/")


def _of_scan(files: Scan, folder: Path, cache: Path) -> str:
    """What is wrong with the files that were listed; empty where nothing is."""
    base = Path(os.path.realpath(files.folder))
    if not any(base.is_relative_to(os.path.realpath(place)) for place in (folder, cache)):
        return f"the folder of the images is {base}"
    for path, label, split in files.files:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not 0 <= label < len(files.classes) or split not in (None, "train", "val", "test"):
            return f"listed: {path!r}, {label}, {split!r}"
        if path != "." and not _is_within(base / path, base):
            return f"{path!r} leads out of {base}"
    if len({path for path, _, _ in files.files}) < len(files.files):
        return "a path is listed twice"
    looks = Counter(unicodedata.normalize("NFC", name) for name in files.classes)
    twins = [name for name, count in looks.items() if count > 1]
    odd = [
        name for name in files.classes if not name or len(name) > 1020
    ]  # a folder has up to 255 bytes, each of them four letters if the name is not valid UTF-8
    if twins or odd or len(files.classes) < 2:
        return f"the classes are {files.classes!r}"[:300]
    return "" if not files.groups or len(files.groups) == len(files.files) else "groups do not belong to files"


def _left(cache: Path) -> str:
    """What a case leaves in the cache that it should not."""
    for path in cache.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()) or path.name.endswith(".part"):
            return f"{path.relative_to(cache)} is left in the cache"
    incomplete = [path.name for path in (cache / "unpacked").glob("*") if not (path / ".complete").exists()]
    return f"a folder that is not complete is left in the cache: {incomplete}" if incomplete else ""


def _everything(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder but the cache; and what lies where absolute names lead."""
    paths = [path for path in root.rglob("*") if not path.is_relative_to(root / "cache")]
    seen = {str(path): path.lstat() for path in [*paths, *([Path(OUTSIDE)] if os.path.lexists(OUTSIDE) else [])]}
    return {path: (status.st_mode, status.st_size, status.st_mtime_ns) for path, status in seen.items()}


def _elsewhere(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> str:
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    return f"changed outside of the cache: {changed[:3]}" if changed else ""
