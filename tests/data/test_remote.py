"""Images at URLs: copied to the cache once, brought up to date at each start, and the same as in a folder here."""

import functools
import http.server
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from automl_cnn.data import dataset_of, prepare, read, storable
from automl_cnn.data import downloads as downloads_module
from automl_cnn.data import remote as remote_module
from automl_cnn.data.elsewhere import copied
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.storable import unusable
from automl_cnn.data.unpacked import used
from automl_cnn.errors import ConfigError, DataError, StoreError
from automl_cnn.paths import location


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def pets(prefix: str = "", each: int = 8) -> dict[str, bytes]:
    return {f"{prefix}{name}/{number}.png": picture(hash_of(name, number)) for name in ("cat", "dog") for number in range(each)}


def hash_of(name: str, number: int) -> int:
    return number + 1000 * len(name) + (500 if name == "dog" else 0)


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.fixture(params=["memory", "local"])
def put(request, memory, tmp_path):
    """Write files to a new place of a file system, and its URL."""

    def write(files: dict[str, bytes], name: str = "photos") -> str:
        if request.param == "local":
            return f"local://{written(tmp_path / 'there' / name, files)}"
        for path, content in files.items():
            memory.pipe_file(f"/there/{name}/{path}", content)
        return f"memory://there/{name}"

    write.kind = request.param
    return write


@pytest.fixture
def gets(monkeypatch):
    """The files that are fetched, in no order."""
    fetched = []
    original = remote_module.Remote.fetch
    monkeypatch.setattr(remote_module.Remote, "fetch", lambda self, entry, *rest: fetched.append(entry.path) or original(self, entry, *rest))
    return fetched


def test_a_url_and_a_folder_give_the_same_images_but_for_their_place(put, tmp_path):
    files = {f"{split}/{path}": content for split in ("train", "val") for path, content in pets().items() if split == "train" or int(path[4]) < 3}
    files |= {"test/new.png": picture(9), "README.md": b"# Pets", "train/cat/odd": picture(77), "train/dog/notes": b"no image", ".hidden/1.png": b""}
    url, folder = put(files), written(tmp_path / "here" / "photos", files)
    there, here = scan_input(url, cache=tmp_path / "cache"), scan_input(folder, cache=tmp_path / "cache")
    assert (there.classes, there.files) == (here.classes, here.files)
    assert [note.replace(url, str(folder)) for note in there.notes] == list(here.notes)
    assert any(url in note for note in there.notes), "the note on predicting names the URL"
    one, other = (dataset_of(read(source, tmp_path / "cache"), tmp_path / "cache") for source in (there, here))
    assert (one.fingerprint, one.splits.tolist(), one.groups, one.array) == (other.fingerprint, other.splits.tolist(), other.groups, other.array)
    assert (one.name, other.name, one.folder) == ("photos", "photos", url)


def test_only_what_is_new_or_changed_is_fetched_again(put, tmp_path, gets):
    files = {**pets(each=3), "README.md": b"", "metadata.txt": b""}
    url, cache = put(files), tmp_path / "cache"
    first = scan_input(url, cache=cache)
    assert sorted(gets) == sorted(pets(each=3))
    gets.clear()
    assert scan_input(url, cache=cache) == first
    assert gets == []
    time.sleep(0.02)  # the clock of a file system may be coarse
    put({"cat/0.png": picture(1), "cat/new.png": picture(2)})
    (first.folder / "dog" / "1.png").write_bytes(b"damaged")
    scan_input(url, cache=cache)
    assert sorted(gets) == ["cat/0.png", "cat/new.png", "dog/1.png"]
    assert (first.folder / "cat" / "0.png").read_bytes() == picture(1)
    assert (first.folder / "dog" / "1.png").read_bytes() == files["dog/1.png"]


def test_what_is_gone_there_goes_here(memory, tmp_path):
    for path, content in {**pets(), "cat/notes.txt": b"", "bird/1.png": picture(1)}.items():
        memory.pipe_file(f"/photos/{path}", content)
    first = scan_input("memory://photos", cache=tmp_path)
    assert first.classes == ("bird", "cat", "dog")
    memory.rm("/photos/bird/1.png")
    memory.rm("/photos/cat/7.png")
    again = scan_input("memory://photos", cache=tmp_path)
    assert again.classes == ("cat", "dog")
    assert not (first.folder / "bird" / "1.png").exists()
    assert not (first.folder / "cat" / "7.png").exists()


def test_an_archive_and_tables_are_read_as_here(memory, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in pets().items():
            archive.writestr(f"pets/{path}", content)
    memory.pipe_file("/sets/pets.zip", out.getvalue())
    memory.pipe_file("/sets/2026-01-01 12:30.zip", out.getvalue())
    assert len(scan_input("memory://sets/2026-01-01 12:30.zip", cache=tmp_path / "cache").files) == 16
    scanned = scan_input("memory://sets/pets.zip", cache=tmp_path / "cache")
    assert (scanned.classes, len(scanned.files), str(scanned.url)) == (("cat", "dog"), 16, "memory://sets/pets.zip")
    dataset = prepare("memory://sets/pets.zip", tmp_path / "cache")
    assert (dataset.name, dataset.folder) == ("pets", "memory://sets/pets.zip")
    assert dataset.fingerprint == prepare(written(tmp_path / "pets", pets()), tmp_path / "cache").fingerprint


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_brings_the_images_that_it_lists_and_no_others(memory, tmp_path, gets, kind):
    rows = [{"path": path, "label": path[:3]} for path in pets("", each=6)]
    rows[0]["path"] = f"memory://there/{rows[0]['path']}"
    rows.append({"path": "cat/lost.png", "label": "cat"})
    frame, out = pd.DataFrame(rows), io.BytesIO()
    write = {
        "csv": lambda: frame.to_csv(out, index=False),
        "jsonl": lambda: frame.to_json(out, orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(out),
    }
    write[kind]()
    for path, content in {**pets(), f"train.{kind}": out.getvalue()}.items():
        memory.pipe_file(f"/there/{path}", content)
    dataset = prepare(f"memory://there/train.{kind}", tmp_path)
    assert sorted(gets) == sorted([*pets(each=6), f"train.{kind}"])
    assert (dataset.name, len(dataset), [one.path for one in dataset.skipped]) == ("there-train", 12, ["cat/lost.png"])
    gets.clear()
    prepare(f"memory://there/train.{kind}", tmp_path)
    assert gets == []
    memory.pipe_file(f"/there/train.{kind}", out.getvalue() + (b"" if kind == "parquet" else b"\n"))
    prepare(f"memory://there/train.{kind}", tmp_path)
    assert gets == [f"train.{kind}"], "a new table does not bring the images again"


@pytest.mark.parametrize(("stem", "ending"), [("p" * 120, ".tar.gz"), ("p" * 101, ".TAR.XZ"), ("照" * 120, ".tar.bz2"), ("p.q" * 60, ".zip")])
def test_an_archive_with_a_long_name_is_still_one(memory, tmp_path, stem, ending):
    out = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(out, "w") as archive:
            for path, content in pets().items():
                archive.writestr(path, content)
    else:
        with tarfile.open(fileobj=out, mode=f"w:{ending.rpartition('.')[2].lower()}") as tar:
            for path, content in pets().items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    memory.pipe_file(f"/sets/{stem}{ending}", out.getvalue())
    scanned = scan_input(f"memory://sets/{stem}{ending}", cache=tmp_path / "cache")
    assert (scanned.classes, len(scanned.files)) == (("cat", "dog"), 16)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("pets.tar.gz", "pets.tar.gz"),
        ("a: b?.csv", "a_ b_.csv"),
        ("x" * 150, "x" * 100),
        ("x" * 150 + ".tar.gz", "x" * 100 + ".tar.gz"),
        ("x" * 150 + ".jsonl", "x" * 100 + ".jsonl"),
        ("x" * 90 + ".2026." + "y" * 90, "x" * 90 + ".2026.yyyy"),
        ("é" * 150 + ".txz", "é" * 100 + ".txz"),
        ("照" * 150 + ".txz", "照" * 66 + ".txz"),
        ("..", "_"),
    ],
)
def test_a_shortened_name_keeps_its_beginning_and_its_endings(name, stored):
    assert storable.fit(name) == stored
    assert len(os.fsencode(storable.fit(name))) <= storable.LONGEST


def test_a_table_at_a_url_is_read_row_by_row_as_here(memory, tmp_path):
    for path, content in pets(each=2).items():
        memory.pipe_file(f"/there/{path}", content)
    table = "path|label\rMemory://there/cat/0.png|cat\r./cat/1.png|cat\rdog\\0.png|dog\rmemory://there/dog/1.png|dog\r"
    memory.pipe_file("/there/pets.csv", table.encode("utf-16"))
    scanned = scan_input("memory://there/pets.csv", cache=tmp_path)
    assert [path for path, _, _ in scanned.files] == list(pets(each=2))
    assert all((scanned.folder / path).read_bytes() == content for path, content in pets(each=2).items())
    for bad, words in {
        "memory://elsewhere/1.png|cat": r"Line 6 of memory://there/pets\.csv: memory://elsewhere/1\.png lies outside of memory://there, the folder of "
        r"the table\. Expected an image below that folder: its path from there, or its whole URL\. Copy the images to below the table, or put the table above",
        "memory://there2/1.png|cat": "memory://there2/1.png lies outside of memory://there, the folder of the table",
        "ftp://me:secret@host/1.png|cat": r"Line 6 of memory://there/pets\.csv: ftp://host/1\.png lies outside of memory://there,",
        "memory://there/../1.png|cat": r"Line 6 of memory://there/pets\.csv: '\.\./1\.png' leads out of the folder memory://there\.",
        "1.png|cat|more": r"Line 6 of memory://there/pets\.csv has 3 cells, its first line 2",
    }.items():
        memory.pipe_file("/there/pets.csv", f"{table}{bad}\r".encode("utf-16"))
        with pytest.raises(DataError, match=words):
            scan_input("memory://there/pets.csv", cache=tmp_path)


def test_a_parquet_file_with_images_and_a_folder_with_metadata(memory, tmp_path):
    out = io.BytesIO()
    pd.DataFrame([{"image": picture(number), "label": "ab"[number % 2]} for number in range(16)]).to_parquet(out)
    memory.pipe_file("/sets/inside.parquet", out.getvalue())
    assert len(prepare("memory://sets/inside.parquet", tmp_path)) == 16
    lines = "".join(f"memory://flat/{number}.png,{'ab'[number % 2]}\n" for number in range(16))
    memory.pipe_file("/flat/metadata.csv", f"file_name,label\n{lines}".encode())
    for number in range(16):
        memory.pipe_file(f"/flat/{number}.png", picture(number))
    assert prepare("memory://flat", tmp_path).classes == ("a", "b")


def test_columns_are_the_tables(memory, tmp_path):
    memory.pipe_file("/there/t.csv", b"where,what\n" + b"".join(b"%d.png,%s\n" % (number, b"ab"[number % 2 :][:1]) for number in range(4)))
    with pytest.raises(DataError, match=r"The table memory://there/t\.csv has no column for path; its columns are 'where', 'what'"):
        scan_input("memory://there/t.csv", cache=tmp_path)
    assert scan_input("memory://there/t.csv", cache=tmp_path, columns="path=where,label=what").classes == ("a", "b")
    with pytest.raises(ConfigError, match=r"memory://there/t\.csv has no column 'x'"):
        scan_input("memory://there/t.csv", cache=tmp_path, columns="path=x")


@pytest.mark.parametrize(
    "bad", ["../outside.png", "cat/../../../outside.png", "cat/..\\..\\outside.png", "cat//double.png", f"cat/{'x' * 300}.png", "cat/\0.png"]
)
def test_a_name_that_leads_elsewhere_or_cannot_be_a_file_is_left_out_and_named(memory, tmp_path, bad):
    for path, content in pets().items():
        memory.pipe_file(f"/photos/{path}", content)
    memory.store[f"/photos/{bad}"] = memory.store["/photos/cat/0.png"]
    scanned = scan_input("memory://photos", cache=tmp_path / "in" / "cache")
    assert len(scanned.files) == 16
    assert [path for path, _ in scanned.refused] == [bad]
    assert not list(tmp_path.rglob("outside.png"))


def test_files_that_are_too_large_are_named(memory, tmp_path, monkeypatch):
    for path, content in {**pets(), "dog/large.png": bytes(5000), "dog/large.mp4": bytes(5000)}.items():
        memory.pipe_file(f"/photos/{path}", content)
    monkeypatch.setattr("automl_cnn.data.kinds.LARGEST_FILE", 4000)
    scanned = scan_input("memory://photos", cache=tmp_path)
    assert dict(scanned.refused) == {"dog/large.png": "the file is too large: 0.0 GB, expected at most 4e-06 GB"}
    assert any("1 .mp4" in note for note in scanned.notes)


def test_names_that_differ_by_case_alone_on_a_disk_that_cannot_tell(memory, tmp_path, monkeypatch):
    for path, content in {**pets(), "cat/A.png": b"1", "cat/a.png": b"2"}.items():
        memory.pipe_file(f"/photos/{path}", content)
    assert len(scan_input("memory://photos", cache=tmp_path / "one").files) == 18
    monkeypatch.setattr("automl_cnn.data.mirror.Mirror.tells_case_apart", lambda self: False)
    scanned = scan_input("memory://photos", cache=tmp_path / "other")
    assert scanned.refused == (("cat/a.png", "this disk cannot tell its name from cat/A.png"),)


def test_errors_and_notes_name_the_url_and_never_the_copy(memory, tmp_path):
    memory.pipe_file("/photos/cat/1.png", picture(1))
    with pytest.raises(DataError) as caught:
        scan_input("memory://photos", cache=tmp_path)
    assert str(caught.value).startswith("memory://photos holds a single class, 'cat'")
    memory.pipe_file("/photos/dog/1.png", b"no image")
    memory.pipe_file("/photos/cat/1.png", b"no image")
    with pytest.raises(DataError, match=r"None of the 2 images in memory://photos can be used") as caught:
        prepare("memory://photos", tmp_path)
    assert str(tmp_path) not in str(caught.value)


def test_empty_folders_are_named_as_here(tmp_path):
    folder = written(tmp_path / "photos", pets())
    (folder / "bird").mkdir()
    url = f"local://{folder}"
    assert scan_input(url, cache=tmp_path / "cache").notes == scan_input(folder, cache=tmp_path / "cache").notes


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://nothing/here", "There is no folder or file memory://nothing/here, or nothing is in it"),
        ("nosuch://bucket/photos", "no installed package knows nosuch://"),
        ("https://example.org/photos", r"over HTTP, folders cannot be listed. Expected a URL that ends in \.zip"),
        ("s3://key:secret@bucket/photos", r"The credentials in a s3:// URL are not read: leave them out\. Set AWS_ACCESS_KEY_ID"),
        ("zip://photos.zip", "'zip://' is not a source of images: pass the URL of the folder, archive or table itself"),
        ("simplecache::memory://photos", "'simplecache::' before a URL is not read"),
        ("memory://a::b", "holds '::', which chains URLs"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_leaves_nothing(memory, tmp_path, url, words):
    with pytest.raises(DataError, match=words) as caught:
        scan_input(url, cache=tmp_path / "cache")
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("url", "words"), [("s3://b/x", r"needs s3fs: pip install 'automl-cnn\[s3\]'"), ("gs://b/x", r"needs gcsfs: pip install 'automl-cnn\[gcs\]'")]
)
@pytest.mark.parametrize("module", ["s3fs gcsfs", "fsspec"])
def test_a_missing_package_is_named(tmp_path, url, words, module):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({module.split()!r}))\n"
        "from pathlib import Path; from automl_cnn.data.inputs import scan_input\n"
        f"try: scan_input({url!r}, cache=Path({str(tmp_path)!r}))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert re.search(words, done.stdout), done.stdout + done.stderr


def test_neither_a_folder_nor_the_settings_import_fsspec(tmp_path):
    written(tmp_path / "photos", pets(each=2))
    code = (
        "import sys; from pathlib import Path; from automl_cnn.data.inputs import scan_input; from automl_cnn.config import study_config\n"
        f"scan_input({str(tmp_path / 'photos')!r}, cache=Path('cache')); study_config({{'data': 's3://bucket/photos'}})\n"
        "print([name for name in ('fsspec', 's3fs', 'aiohttp', 'botocore') if name in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout.strip() == "[]"


class Faulty(MemoryFileSystem):
    """A file system whose requests fail as `fault` says: it is called with what is asked and the path."""

    protocol = "faulty"
    fault = staticmethod(lambda what, path: None)

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.replace("faulty://", "memory://"))

    def find(self, path, *rest, **named):
        Faulty.fault("find", path)
        return super().find(path, *rest, **named)

    def get_file(self, path, *rest, **named):
        Faulty.fault("get", path)
        super().get_file(path, *rest, **named)


@pytest.fixture
def faulty(memory, monkeypatch):
    """Let requests fail."""
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setattr(remote_module, "PAUSE", 0.01)
    for path, content in pets().items():
        memory.pipe_file(f"/photos/{path}", content)
    return lambda fault: monkeypatch.setattr(Faulty, "fault", staticmethod(fault))


class NoCredentialsError(Exception):
    """As botocore calls it."""


class Status(Exception):
    """As aiohttp and gcsfs have it."""

    def __init__(self, status):
        super().__init__(f"HTTP {status}")
        self.status = status


def raising(error, where="find"):
    def fault(what, path):
        if what == where:
            raise error

    return fault


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError("Forbidden"), r"access was refused \(Forbidden\)"),
        (Status(403), r"access was refused"),
        (OSError("Forbidden: b/photos/o\nno access"), r"access was refused \(Forbidden: b/photos/o no access\)"),
        (Status(401), r"access was refused"),
        (Status(404), r"There is no folder or file faulty://photos"),
        (NoCredentialsError("Unable to locate credentials"), r"no credentials are set"),
        (ConnectionRefusedError(111, "Connection refused"), r"cannot be reached"),
        (TimeoutError("read timed out"), r"does not answer \(read timed out\)"),
        (RuntimeError("server\n broke"), r"cannot be read: server broke\. Check the address"),
    ],
)
def test_each_refusal_has_its_sentence(faulty, tmp_path, error, words):
    faulty(raising(error))
    with pytest.raises(DataError, match=words):
        scan_input("faulty://photos", cache=tmp_path / "cache")
    faulty(raising(error, "get"))
    with pytest.raises(DataError, match=words) if "no folder" not in words else pytest.raises(DataError):
        scan_input("faulty://photos", cache=tmp_path / "cache")


def test_a_request_that_fails_is_tried_again(faulty, tmp_path):
    failed = set()

    def once(what, path):
        if what == "get" and path not in failed:
            failed.add(path)
            raise TimeoutError

    faulty(once)
    assert len(scan_input("faulty://photos", cache=tmp_path).files) == len(failed) == 16


def test_what_was_fetched_before_a_failure_is_kept(faulty, tmp_path, gets, monkeypatch):
    monkeypatch.setattr(downloads_module, "WORKERS", 1)

    def ends(what, path):
        if path.endswith("dog/3.png"):
            raise PermissionError("no")

    faulty(ends)
    with pytest.raises(DataError, match="access was refused"):
        scan_input("faulty://photos", cache=tmp_path)
    gets.clear()
    faulty(lambda what, path: None)
    assert len(scan_input("faulty://photos", cache=tmp_path).files) == 16
    assert set(gets) == {f"dog/{number}.png" for number in range(3, 8)}


def test_a_file_that_vanishes_meanwhile_is_as_if_it_had_never_been(faulty, tmp_path):
    def gone(what, path):
        if what == "get" and path.endswith("cat/3.png"):
            raise FileNotFoundError(path)

    faulty(gone)
    assert len(scan_input("faulty://photos", cache=tmp_path).files) == 15


def test_silence_is_given_up(faulty, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads_module, "SILENCE", 0.5)
    faulty(lambda what, path: time.sleep(20) if what == "get" else None)
    with pytest.raises(DataError, match=r"Nothing came from faulty://photos for 0 seconds"):
        scan_input("faulty://photos", cache=tmp_path)
    monkeypatch.setattr("automl_cnn.data.patience.LONGEST", 0.5)
    faulty(lambda what, path: time.sleep(20))
    with pytest.raises(DataError, match=r"does not answer \(no answer within 0 seconds\)"):
        scan_input("faulty://photos", cache=tmp_path)


def test_a_full_disk_is_a_store_error(faulty, tmp_path, monkeypatch):
    faulty(raising(OSError(28, "No space left on device"), "get"))
    with pytest.raises(StoreError, match=r"cannot be copied to the cache: No space left on device.*choose another --store"):
        scan_input("faulty://photos", cache=tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(StoreError, match=r"has 29\.\d kB to fetch, but 1\.0 kB are free"):
        scan_input("faulty://photos", cache=tmp_path)


def test_a_cache_that_cannot_be_written_is_one_sentence(memory, tmp_path):
    memory.pipe_file("/photos/cat/1.png", b"x")
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StoreError, match=r"memory://photos cannot be copied to .*cache"):
        scan_input("memory://photos", cache=tmp_path / "cache")


def test_progress_is_reported_and_may_end_it(faulty, tmp_path):
    steps, listed = [], []
    scan_input("faulty://photos", cache=tmp_path / "one", fetched=lambda done, of: steps.append((done, of)), listed=listed.append)
    total = sum(map(len, pets().values()))
    assert {of for _, of in steps} == {total}
    assert steps == sorted(steps)
    assert listed == [16]

    def over(done, of):
        raise ConfigError("the time is up")

    with pytest.raises(ConfigError, match="the time is up"):
        scan_input("faulty://photos", cache=tmp_path / "other", fetched=over)


def test_a_kill_costs_the_files_under_way(tmp_path):
    folder = written(tmp_path / "there", pets(each=20))
    code = (
        "import os, time; from pathlib import Path; from automl_cnn.data.inputs import scan_input; from automl_cnn.data.remote import Remote\n"
        "original, count = Remote.fetch, []\n"
        "def fetch(self, entry, *rest):\n"
        "    count.append(1)\n"
        "    time.sleep(0.05)\n"
        "    if len(count) > 30: os.kill(os.getpid(), 9)\n"
        "    return original(self, entry, *rest)\n"
        "Remote.fetch = fetch\n"
        f"scan_input({f'local://{folder}'!r}, cache=Path({str(tmp_path / 'cache')!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert done.returncode == -9
    (index,) = (tmp_path / "cache" / "unpacked").glob("url-*/.index")
    kept = [json.loads(line)[0] for line in index.read_text().splitlines() if line]
    assert 0 < len(kept) < 31
    index.write_text(index.read_text() + '\n["cat/19.png", "cut')
    scanned = scan_input(f"local://{folder}", cache=tmp_path / "cache")
    assert [scanned.folder.joinpath(path).read_bytes() == content for path, content in pets(each=20).items()] == [True] * 40
    assert not list(tmp_path.rglob(".parts*"))
    assert {json.loads(line)[0] for line in index.read_text().splitlines() if line.endswith("]")} == set(pets(each=20))


def test_two_processes_fetch_one_after_the_other(tmp_path):
    folder = written(tmp_path / "there", pets(each=20))
    code = (
        "import time; from pathlib import Path; from automl_cnn.data.inputs import scan_input; from automl_cnn.data.remote import Remote\n"
        "original, count = Remote.fetch, []\n"
        "Remote.fetch = lambda self, *rest: count.append(1) or time.sleep(0.5) or original(self, *rest)\n"
        f"found = scan_input({f'local://{folder}'!r}, cache=Path({str(tmp_path / 'cache')!r}))\n"
        "print(len(found.files), len(count))\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = sorted(process.communicate(timeout=120)[0].split() for process in both)
    assert answers == [["40", "0"], ["40", "40"]]


def test_the_longest_unused_copy_gives_way_but_none_that_is_in_use(memory, tmp_path):
    for name in ("one", "two"):
        for path, content in pets().items():
            memory.pipe_file(f"/{name}/{path}", content)
    one, two = (copied(location(f"memory://{name}"), tmp_path) for name in ("one", "two"))
    place = two.root.parent.parent
    used(place, tmp_path, 100)
    assert one.root.exists(), "this process uses it"
    code = f"from pathlib import Path; from automl_cnn.data.unpacked import used; used(Path({str(place)!r}), Path({str(tmp_path)!r}), 100)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert one.root.exists(), "another process uses it"
    for claim in (tmp_path / "unpacked").glob(".*.used"):
        claim.unlink()  # as if this process had ended
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert (one.root.exists(), two.root.exists()) == (False, True)


def test_a_web_address_of_an_archive_is_read(tmp_path):
    """Served by Python's own server, on this machine."""
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path, content in pets().items():
            archive.writestr(path, content)
    (tmp_path / "t.csv").write_text("path,label\n1.png,a\n2.png,b\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *rest: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        scanned = scan_input(f"{url}/pets.zip?token=secret", cache=tmp_path / "cache")
        assert (scanned.classes, str(scanned.url)) == (("cat", "dog"), f"{url}/pets.zip")
        assert not [path for path in (tmp_path / "cache").rglob("*") if "secret" in str(path) or (path.is_file() and b"secret" in path.read_bytes())]
        with pytest.raises(DataError, match=r"There is no file http://.*/lost\.zip"):
            scan_input(f"{url}/lost.zip", cache=tmp_path / "cache")
        with pytest.raises(DataError, match=r"lists images one by one, which are not read over HTTP"):
            scan_input(f"{url}/t.csv", cache=tmp_path / "cache")
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(DataError, match="cannot be reached"):
        scan_input(f"{url}/pets.zip", cache=tmp_path / "cache")


def test_a_colon_is_a_letter_save_on_windows():
    assert unusable("cat/12:30.png") == ("" if os.name != "nt" else "its name holds a character that Windows does not allow")


def test_an_image_whose_decoder_was_missing_is_fetched_once_it_is_there(memory, tmp_path, monkeypatch):
    for path, content in {**pets(), "cat/new.heic": b"a photo"}.items():
        memory.pipe_file(f"/photos/{path}", content)
    monkeypatch.setattr("automl_cnn.data.kinds.SUFFIXES", frozenset({".png"}))
    scanned = scan_input("memory://photos", cache=tmp_path)
    assert (scanned.folder / "cat" / "new.heic").read_bytes() == b""
    monkeypatch.setattr("automl_cnn.data.kinds.SUFFIXES", frozenset({".png", ".heic"}))
    assert len(scan_input("memory://photos", cache=tmp_path).files) == 17
    assert (scanned.folder / "cat" / "new.heic").read_bytes() == b"a photo"


def test_a_file_that_no_one_knows_to_be_the_same_is_fetched_again(faulty, tmp_path, gets, monkeypatch):
    monkeypatch.setattr(remote_module, "_entry", lambda info, path: remote_module.Entry(info["name"], path, None, ""))
    for _ in range(2):
        gets.clear()
        assert len(scan_input("faulty://photos", cache=tmp_path).files) == len(gets) == 16
