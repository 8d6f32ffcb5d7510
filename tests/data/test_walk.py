"""One walk for training and prediction: links, loops, special files, and a line for everything left out."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from pathlib import Path

import pytest
from folders import make
from PIL import Image

from automl_cnn.data import kinds
from automl_cnn.data.scan import scan
from automl_cnn.data.walk import walk
from automl_cnn.errors import DataError


def test_doubled_links_end(tmp_path):
    """Twenty-five levels with two links each to the next: 2**25 paths lead to one image."""
    levels = [tmp_path / ".pool" / str(level) for level in range(25)]
    for folder in levels:
        folder.mkdir(parents=True)
    for above, below in itertools.pairwise(levels):
        for name in "ab":
            (above / name).symlink_to(below)
    make(levels[-1], "1.png")
    root = make(tmp_path / "data", "cat/1.png")
    (root / "dog").symlink_to(levels[0])
    scanned = scan(root)
    assert scanned.classes == ("cat", "dog")
    assert 1 <= len([path for path, label, _ in scanned.files if label == 1]) <= 4


def test_a_thousand_links_to_one_folder_are_bounded_and_named(tmp_path):
    pool = make(tmp_path / "pool", *(f"{number}/1.png" for number in range(30)))
    for number in range(30):
        for other in range(30):
            (pool / str(number) / f"to{other}").symlink_to(pool / str(other))
    scanned = walk(pool)
    assert scanned.root.filled
    assert any("too many links" in note for note in scanned.left.notes())


def test_a_loop_that_the_file_system_only_imagines_is_asked_for_again(tmp_path, monkeypatch):
    pool = make(tmp_path / "pool", "cat/1.png", "dog/1.png")
    real, failed = os.scandir, []

    def scandir(path):
        if str(path).endswith("cat") and len(failed) < 2:
            failed.append(path)
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert walk(pool).images() == ["cat/1.png", "dog/1.png"]
    assert len(failed) == 2
    failed.clear()
    monkeypatch.setattr(os, "scandir", lambda path: (_ for _ in ()).throw(OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))))
    with pytest.raises(DataError, match="leads to itself"):
        walk(pool)


def test_the_same_folder_may_be_a_class_of_two_splits(tmp_path):
    pool = make(tmp_path / "pool", "cat/1.png", "dog/1.png")
    root = tmp_path / "data"
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        for name in ("cat", "dog"):
            (root / split / name).symlink_to(pool / name)
    assert {path for path, _, _ in scan(root).files} == {f"{split}/{name}/1.png" for split in ("train", "val") for name in ("cat", "dog")}


def test_a_link_to_a_folder_above_is_not_followed_wherever_the_walk_begins(tmp_path):
    make(tmp_path, "data/cat/1.png", "data/dog/1.png")
    (tmp_path / "data" / "cat" / "up").symlink_to("..")
    assert walk(tmp_path / "data" / "cat").images() == ["1.png"]
    assert walk(tmp_path / "data").images() == ["cat/1.png", "dog/1.png"]


@pytest.fixture
def deep(tmp_path):
    """A class `cat` whose only image lies below 1,500 folders; taken apart afterwards, since `shutil.rmtree` recurses."""
    here = os.getcwd()
    (tmp_path / "cat").mkdir()
    os.chdir(tmp_path / "cat")
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        Path("deep.png").write_bytes(b"")
        yield tmp_path
        os.unlink("deep.png")
        for _ in range(1500):
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(here)


def test_fifteen_hundred_nested_folders(deep):
    make(deep, "dog/1.png")
    assert [path for path, label, _ in scan(deep).files if label == 0] == ["cat/" + "d/" * 1500 + "deep.png"]


def test_special_files_are_named_and_never_opened(tmp_path, monkeypatch):
    make(tmp_path, "cat/1.png", "dog/1.png")
    cat = tmp_path / "cat"
    os.mkfifo(cat / "fifo")
    os.mkfifo(cat / "fifo.png")
    (cat / "pipe.jpg").symlink_to(cat / "fifo")
    (cat / "zero.png").symlink_to("/dev/zero")
    (cat / "self.png").symlink_to("self.png")
    with (cat / "sparse.png").open("wb") as file:
        file.truncate(8 * 10**9)
    monkeypatch.chdir(cat)
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket.png")
    server.close()
    scanned = scan(tmp_path)
    assert [path for path, _, _ in scanned.files] == ["cat/1.png", "dog/1.png"]
    assert dict(scanned.refused) == {
        "cat/fifo": "it is a FIFO (named pipe), not an image file",
        "cat/fifo.png": "it is a FIFO (named pipe), not an image file",
        "cat/pipe.jpg": "it is a FIFO (named pipe), not an image file",
        "cat/zero.png": "it is a device, not an image file",
        "cat/self.png": "the link leads to itself",
        "cat/sparse.png": "the file is too large: 8.0 GB, expected at most 1 GB",
        "cat/socket.png": "it is a socket, not an image file",
    }


def test_everything_left_out_is_counted_by_extension_with_advice(tmp_path):
    make(
        tmp_path,
        *(f"cat/{number}.HEIC" for number in range(50)),
        *("cat/1.jxl", "dog/x.nef", "dog/x.mp4", "dog/notes.txt", "notes.txt", "dog/x.zip", "cat/no extension", "dog/Mr. Smith"),
        *("cat/1.png", "dog/1.png", "cat/Thumbs.db", "dog/desktop.ini", "dog/.DS_Store", "dog/@eaDir/thumb.jpg"),
    )
    (note,) = scan(tmp_path).notes
    assert note.startswith("58 files are not images of a supported format and were left out: 50 .heic, 1 .jxl (convert them to JPEG or PNG)")
    for part in ("1 .nef (camera raw", "1 .mp4 (videos", "1 .zip (archives", "2 .txt", "2 with no extension"):
        assert part in note


def test_a_hundred_extensions_are_not_all_listed(tmp_path):
    make(tmp_path, "a/1.png", "b/1.png", *(f"a/1.x{number}" for number in range(100)))
    assert "90 with 90 other extensions" in scan(tmp_path).notes[0]


def test_images_with_odd_names_are_used_for_their_content(tmp_path):
    make(tmp_path, "cat/1.png", "dog/1.png")
    picture = Image.new("RGB", (8, 8))
    for name, kind in (("download", "JPEG"), ("photo.jpg_large", "JPEG"), ("IMG_1.HEIC", "JPEG"), ("scan.dat", "TIFF"), ("x.b", "BMP"), ("x.w", "WEBP")):
        picture.save(tmp_path / "cat" / name, kind)
    picture.save(tmp_path / "cat" / "raw.nef", "TIFF")  # a camera's raw file begins like a TIFF, and holds a thumbnail in its place
    (tmp_path / "dog" / "letter").write_text("BM, thank you")
    scanned = scan(tmp_path)
    cats = {path.split("/")[1] for path, label, _ in scanned.files if label == 0}
    assert cats == {
        "1.png",
        "download",
        "photo.jpg_large",
        "IMG_1.HEIC",
        "scan.dat",
        "x.b",
        "x.w",
    }
    assert any("6 files are images by their content" in note for note in scanned.notes)
    assert any("1 .nef" in note and "1 with no extension" in note for note in scanned.notes)


@pytest.mark.parametrize(
    "files",
    [
        ("optuna.journal", "cache/x.npy", "mlartifacts/1/a/curve.png"),
        ("model.json", "export.json", "model/saved_model.pb", "sample.png"),
        ("study.toml", "worker.log", "best/mistake.png"),
    ],
)
def test_a_store_or_an_export_among_the_classes_is_no_class(tmp_path, files):
    make(tmp_path, "cat/1.png", "dog/1.png", *(f"runs/{name}" for name in files))
    scanned = scan(tmp_path)
    assert scanned.classes == ("cat", "dog")
    assert scanned.notes == ("The folder 'runs' was left out: automl-cnn wrote it (studies or an exported model).",)
    assert walk(tmp_path).images() == ["cat/1.png", "dog/1.png"]


def test_the_store_of_this_search_is_skipped_even_while_it_is_empty_or_the_data_folder_itself(tmp_path):
    make(tmp_path, "cat/1.png", "dog/1.png", "runs/studies/x/a.png")
    assert scan(tmp_path, skip=[tmp_path / "runs"]).classes == ("cat", "dog")
    make(tmp_path / "own", "cat/1.png", "dog/1.png", "optuna.journal", "mlartifacts/1.png", "studies/x/2.png", "cache/3.png")
    assert scan(tmp_path / "own").classes == ("cat", "dog")


def test_listing_reports_as_it_goes(tmp_path):
    make(tmp_path, *(f"a/{number}.png" for number in range(1200)), *(f"b/{number}.png" for number in range(1200)))
    counts: list[int] = []
    walk(tmp_path, listed=counts.append)
    assert counts == [1000, 2000]


@pytest.mark.parametrize("path", ["x" * 5000, "/".join(["y" * 200] * 25), "a\0b"])
def test_paths_that_no_file_can_have(tmp_path, path):
    with pytest.raises(DataError, match=r"cannot be used: (it is too long|a path cannot hold a NUL).*Expected a folder") as caught:
        scan(tmp_path / path)
    assert len(str(caught.value)) < 500
    assert "\0" not in str(caught.value)


def test_a_link_to_itself_as_the_folder(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="loop cannot be used: the link leads to itself"):
        scan(tmp_path / "loop")
    (tmp_path / "dead").symlink_to("gone")
    with pytest.raises(DataError, match="leads nowhere"):
        scan(tmp_path / "dead")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        scan(tmp_path / "pipe")


def test_suffixes_are_judged_whole():
    assert [kinds.suffix_of(name) for name in ("a.JPG", "a", "a.tar.gz", "Mr. Smith", "x.averyverylongone", "x.a\x1b[31m", ".png")] == [
        ".jpg",
        kinds.NO_SUFFIX,
        ".gz",
        kinds.NO_SUFFIX,
        kinds.NO_SUFFIX,
        kinds.NO_SUFFIX,
        kinds.NO_SUFFIX,
    ]
