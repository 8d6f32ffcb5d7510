"""Archives of images: unpacked once, and never out of their folder."""

import io
import re
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from automl_cnn.data import archives, members
from automl_cnn.data.archives import unpacked
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.unpacked import used
from automl_cnn.errors import DataError, StoreError

FILES = {f"pets/{name}/{number}.png": b"pixels" for name in ("cat", "dog") for number in range(3)} | {
    "pets/README.md": b"# Pets",
    "__MACOSX/pets/cat/._0.png": b"clutter",
}


def zipped(place, files, name="pets.zip"):
    with zipfile.ZipFile(place / name, "w", zipfile.ZIP_DEFLATED) as out:
        for path, content in files.items():
            out.writestr(path, content)
    return place / name


def tarred(place, files, name="pets.tar.gz", links=()):
    packed = name.rpartition(".")[2]
    with tarfile.open(place / name, f"w:{packed if packed != 'tar' else ''}") as out:
        for path, content in files.items() if isinstance(files, dict) else files:
            info = tarfile.TarInfo(path)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
        for path, target in links:
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            out.addfile(info)
    return place / name


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_the_images_of_an_archive_are_listed_without_clutter(tmp_path, pack):
    scanned = scan_input(pack(tmp_path, FILES), cache=tmp_path / "cache")
    assert scanned.classes == ("cat", "dog")
    assert len(scanned.files) == 6
    assert scanned.source.name.startswith("pets")


def test_it_is_unpacked_once_and_found_again_by_its_content(tmp_path):
    first = unpacked(zipped(tmp_path, FILES), tmp_path / "cache").folder
    before = (first / "cat" / "0.png").stat().st_mtime_ns
    again = unpacked((tmp_path / "pets.zip").rename(tmp_path / "other.zip"), tmp_path / "cache").folder
    assert again == first
    assert (again / "cat" / "0.png").stat().st_mtime_ns == before
    changed = unpacked(zipped(tmp_path, {**FILES, "pets/cat/9.png": b"new"}), tmp_path / "cache").folder
    assert changed != first


def test_a_table_in_it_that_is_called_metadata_has_the_labels(tmp_path):
    files = {f"{number}.png": b"" for number in range(4)} | {"metadata.csv": b"file_name,label\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n"}
    assert scan_input(zipped(tmp_path, files), cache=tmp_path / "cache").classes == ("cat", "dog")


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png", "a/../../outside.png", "..\\outside.png", "C:\\outside.png", "c:outside.png"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_left(tmp_path, name, pack):
    with pytest.raises(DataError, match="leads out of its folder"):
        unpacked(pack(tmp_path, {**FILES, name: b"gotcha"}), tmp_path / "in" / "cache")
    assert not list(tmp_path.rglob("outside.png"))
    assert not (tmp_path / "in").exists()


def test_links_are_refused(tmp_path):
    with pytest.raises(DataError, match="a link or a device"):
        unpacked(tarred(tmp_path, FILES, links=[("pets/cat/secret.png", "/etc/passwd")]), tmp_path / "cache")
    info = zipfile.ZipInfo("pets/cat/secret.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as out:
        out.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="which is a link"):
        unpacked(tmp_path / "link.zip", tmp_path / "cache")


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("automl_cnn.data.unpacked.FREE", 1 << 20)
    with pytest.raises(DataError, match="more than 100 times its size"):
        unpacked(zipped(tmp_path, {f"{number}.png": bytes(1 << 22) for number in range(8)}), tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz", "broken.tar"])
def test_what_is_damaged_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(range(200)))
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(tmp_path / name, tmp_path / "cache")


def test_what_was_unpacked_long_ago_gives_way(tmp_path):
    old = unpacked(zipped(tmp_path, FILES), tmp_path / "cache").folder
    new = unpacked(zipped(tmp_path, {**FILES, "pets/cat/9.png": bytes(5000)}), tmp_path / "cache").folder
    used(new.parent, tmp_path / "cache", 100)
    assert not old.exists()
    assert (new / "cat" / "9.png").exists()


def test_what_is_no_image_is_counted_and_an_image_without_an_extension_is_one(tmp_path):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    archive = zipped(tmp_path, {**FILES, "pets/cat/scan_1": out.getvalue(), "pets/cat/notes": b"words", "pets/labels.csv": b"path,label", "pets/more.7z": b""})
    for _ in range(2):  # unpacked, and found again
        files = scan_input(archive, cache=tmp_path / "cache")
        assert "cat/scan_1" in [path for path, _, _ in files.files]
        assert any(note.startswith("4 files are not images of a supported format and were left out") for note in files.notes), files.notes


def test_messages_and_notes_name_the_archive_and_not_the_cache(tmp_path):
    with pytest.raises(DataError, match=r"pets\.zip holds no images"):
        scan_input(zipped(tmp_path, {"README.md": b""}), cache=tmp_path / "cache")
    notes = scan_input(zipped(tmp_path, {**FILES, "loose.png": b"pixels", "more/cat.png": b""}, "more.zip"), cache=tmp_path / "cache").notes
    assert any(note.startswith("1 image directly in more.zip") for note in notes), notes


@pytest.mark.parametrize("names", [("cat/1.png", "cat/1.png"), ("cat/1.png", "cat//1.png"), ("cat/1.png", "cat/1.png/2.png"), ("cat/1.png/2.png", "cat/1.png")])
def test_a_name_that_is_there_twice_is_refused(tmp_path, names):
    with pytest.raises(DataError, match=r"holds 'cat/1.png.*' twice, or as a file and as a folder"):
        unpacked(tarred(tmp_path, [(name, b"pixels") for name in names]), tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "a file with the name ''"),
        (".", "a file with the name '.'"),
        ("d/" * 1990 + "1.png", "1,990 folders deep: at most 64"),
        ("x" * 300 + ".png", "no file can have here: it is too long"),
        ("cat/" + "x" * 300 + ".png", "no file can have here: it is too long"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name, words):
    with pytest.raises(DataError, match=words) as caught:
        unpacked(tarred(tmp_path, {**FILES, name: b"pixels"}), tmp_path / "cache")
    assert len(str(caught.value)) < 700


def test_devices_in_a_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("pets/cat/device.png")
    info.external_attr = 0o020666 << 16
    with zipfile.ZipFile(tmp_path / "device.zip", "w") as out:
        out.writestr(info, b"")
    with pytest.raises(DataError, match="a link or a device"):
        unpacked(tmp_path / "device.zip", tmp_path / "cache")


def spoiled(content, at, value):
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_zip_is_one_sentence(tmp_path, method):
    """zlib, bz2 and lzma raise errors of their own."""
    with zipfile.ZipFile(tmp_path / "pets.zip", "w", method) as out:
        out.writestr("cat/1.png", bytes(range(256)) * 40)
    content = (tmp_path / "pets.zip").read_bytes()
    for at in (40, 45, 48):
        (tmp_path / "bad.zip").write_bytes(spoiled(content, at, b"\xff" * 8))
        with pytest.raises(DataError, match=r"bad\.zip cannot be unpacked: .*damaged"):
            unpacked(tmp_path / "bad.zip", tmp_path / "cache")


@pytest.mark.parametrize("name", ["pets.tar", "pets.tar.gz", "pets.tar.bz2", "pets.tar.xz"])
def test_a_tar_archive_that_was_copied_by_half_is_refused(tmp_path, name):
    content = tarred(tmp_path, FILES, name).read_bytes()
    assert len(scan_input(tmp_path / name, cache=tmp_path / "cache").files) == 6
    (tmp_path / f"half.{name}").write_bytes(content[: len(content) // 3])
    with pytest.raises(DataError, match=r"cannot be unpacked: [^\n]*damaged"):
        unpacked(tmp_path / f"half.{name}", tmp_path / "cache")


def test_a_tar_archive_is_damaged_where_no_header_follows_a_file(tmp_path):
    """tarfile takes bytes that are not a header for the end: the rest would be lost in silence."""
    content = tarred(tmp_path, FILES, "pets.tar").read_bytes()
    (tmp_path / "pets.tar").write_bytes(spoiled(content, content.index(b"pets/dog/0.png"), b"\xff" * 512))
    with pytest.raises(DataError, match="no header follows a file"):
        unpacked(tmp_path / "pets.tar", tmp_path / "cache")
    (tmp_path / "half.tar").write_bytes(content[: content.index(b"pets/dog/0.png")])
    with pytest.raises(DataError, match="no end marker"):
        unpacked(tmp_path / "half.tar", tmp_path / "cache")


def header(name, kind, size):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [b"x", b"L"])
def test_a_header_that_would_fill_the_memory_is_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(members, "_HEADER", 1 << 12)
    (tmp_path / "pets.tar").write_bytes(header("extended", kind, 1 << 13) + bytes(1 << 14))
    with pytest.raises(DataError, match="a header states a length of 8,192 bytes"):
        unpacked(tmp_path / "pets.tar", tmp_path / "cache")


def test_a_file_of_less_than_no_bytes_is_refused(tmp_path):
    """The next header would be the same one, forever."""
    (tmp_path / "pets.tar").write_bytes(header("README", tarfile.REGTYPE, -1024) + bytes(1 << 14))
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(tmp_path / "pets.tar", tmp_path / "cache")


@pytest.mark.parametrize("name", ["notes.txt", "cat/1.png"])
@pytest.mark.parametrize("packed", ["gz", "bz2", "xz"])
def test_what_is_not_wanted_counts_too_where_a_bomb_is_packed(tmp_path, monkeypatch, name, packed):
    monkeypatch.setattr("automl_cnn.data.unpacked.FREE", 1 << 20)
    with pytest.raises(DataError, match="more than 100 times its size and 1 MB"):
        unpacked(tarred(tmp_path, {**FILES, name: bytes(1 << 24)}, f"pets.tar.{packed}"), tmp_path / "cache")


def test_folders_are_counted_too(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 20)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as out:
        for number in range(30):
            out.mkdir(f"empty {number}/")
    with pytest.raises(DataError, match="holds more than 20 files"):
        unpacked(tmp_path / "pets.zip", tmp_path / "cache")


def test_an_archive_that_cannot_be_read_is_not_a_matter_of_space(tmp_path):
    with pytest.raises(DataError, match=r"none\.zip cannot be read: No such file"):
        unpacked(tmp_path / "none.zip", tmp_path / "cache")
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StoreError, match="Free some space"):
        unpacked(zipped(tmp_path, FILES), tmp_path / "cache")


def test_a_folder_in_it_that_a_note_names_for_a_command_is_there(tmp_path):
    files = {**{path.replace("pets/", "pets/train/"): content for path, content in FILES.items()}, "pets/test/1.png": b""}
    notes = scan_input(zipped(tmp_path, files), cache=tmp_path / "cache").notes
    (place,) = [match[1] for note in notes if (match := re.search(r"automl-cnn predict MODEL (\S+)\.", note))]
    assert (Path(place) / "1.png").exists()


@pytest.mark.parametrize(
    ("name", "device"), [("cat/NUL", True), ("aux.png", True), ("cat/com1.tar.png", True), ("cat/1.png:stream", True), ("contra/1.png", False)]
)
def test_names_of_devices_on_windows_are_known(name, device):
    assert archives._leads_to_a_device(PurePosixPath(name)) is device
