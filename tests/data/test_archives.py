"""Archives of images: unpacked once, and never out of their folder."""

import io
import tarfile
import zipfile

import pytest

from automl_cnn.data.archives import unpacked
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.unpacked import used
from automl_cnn.errors import DataError

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
    with tarfile.open(place / name, "w:gz" if name.endswith("gz") else "w") as out:
        for path, content in files.items():
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
    found = scan_input(pack(tmp_path, FILES), cache=tmp_path / "cache")
    assert found.classes == ("cat", "dog")
    assert len(found.files) == 6
    assert found.source.name.startswith("pets")


def test_it_is_unpacked_once_and_found_again_by_its_content(tmp_path):
    first = unpacked(zipped(tmp_path, FILES), tmp_path / "cache")
    before = (first / "cat" / "0.png").stat().st_mtime_ns
    again = unpacked((tmp_path / "pets.zip").rename(tmp_path / "other.zip"), tmp_path / "cache")
    assert again == first
    assert (again / "cat" / "0.png").stat().st_mtime_ns == before
    changed = unpacked(zipped(tmp_path, {**FILES, "pets/cat/9.png": b"new"}), tmp_path / "cache")
    assert changed != first


def test_a_table_in_it_that_is_called_metadata_has_the_labels(tmp_path):
    files = {f"{number}.png": b"" for number in range(4)} | {"metadata.csv": b"file_name,label\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n"}
    assert scan_input(zipped(tmp_path, files), cache=tmp_path / "cache").classes == ("cat", "dog")


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png", "a/../../outside.png", "..\\outside.png", "C:\\outside.png"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_left(tmp_path, name, pack):
    with pytest.raises(DataError, match="leads out of its folder"):
        unpacked(pack(tmp_path, {**FILES, name: b"gotcha"}), tmp_path / "in" / "cache")
    assert not list(tmp_path.rglob("outside.png"))
    assert not [path for path in (tmp_path / "in").rglob("*") if path.is_file()]


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
    monkeypatch.setattr("automl_cnn.data.archives.FREE", 1 << 20)
    with pytest.raises(DataError, match="more than 100 times its size"):
        unpacked(zipped(tmp_path, {f"{number}.png": bytes(1 << 22) for number in range(8)}), tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz", "broken.tar"])
def test_what_is_damaged_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(range(200)))
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(tmp_path / name, tmp_path / "cache")


def test_what_was_unpacked_long_ago_gives_way(tmp_path):
    old = unpacked(zipped(tmp_path, FILES), tmp_path / "cache")
    new = unpacked(zipped(tmp_path, {**FILES, "pets/cat/9.png": bytes(5000)}), tmp_path / "cache")
    used(new.parent, tmp_path / "cache", 100)
    assert not old.exists()
    assert (new / "cat" / "9.png").exists()
