import csv
import hashlib
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import arrays, decoded, open_image, pixels, prepare, prepare_arrays, resize_array
from automl_cnn.data.listing import write_splits
from automl_cnn.errors import DataError, StoreError


def paint(root, classes=("cat", "dog"), count=8, size=(20, 24), mode="RGB"):
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
            Image.fromarray(rng.integers(0, 255, shape, np.uint8)).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def photos(tmp_path):
    return paint(tmp_path / "photos")


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_every_row_is_its_file(photos, cache):
    dataset = prepare(photos, cache)
    stored = pixels(dataset, dataset.side)
    assert stored.shape == (16, 24, 24, 3)  # 20 px, rounded up to a multiple of 8
    assert isinstance(stored, np.memmap)
    assert (dataset.channels, dataset.side, dataset.native, dataset.name, dataset.classes) == (3, 24, 20, "photos", ("cat", "dog"))
    for row, path in enumerate(dataset.paths):
        assert dataset.classes[dataset.labels[row]] == path.split("/")[0]
        assert np.array_equal(stored[row], open_image(photos / path, 24, 3))
    assert {name: dataset.counts(name).tolist() for name in ("train", "val", "test")} == {"train": [6, 6], "val": [1, 1], "test": [1, 1]}


@pytest.mark.parametrize(("size", "max_size", "side"), [((20, 24), 224, 24), ((24, 40), 224, 24), ((5, 5), 224, 8), ((100, 90), 64, 64), ((100, 90), 60, 56)])
def test_the_stored_size(tmp_path, cache, size, max_size, side):
    assert prepare(paint(tmp_path / "p", count=3, size=size), cache, max_size=max_size).side == side


def test_gray_only_where_every_image_is(tmp_path, cache):
    root = paint(tmp_path / "p", mode="L")
    assert prepare(root, cache).channels == 1
    Image.new("RGB", (20, 24), "red").save(root / "cat" / "red.png")
    assert prepare(root, cache).channels == 3


def test_bad_files_are_skipped_with_their_reason_and_leave_no_zeros(photos, cache):
    whole = (photos / "cat" / "0.png").read_bytes()
    (photos / "cat" / "3a.png").write_bytes(b"")
    (photos / "cat" / "3b.jpg").write_bytes(b"text")
    (photos / "dog" / "3c.png").write_bytes(whole[:-60])  # its header is fine
    (photos / "dog" / "gone.png").symlink_to("nowhere.png")
    for dataset in (prepare(photos, cache), prepare(photos, cache)):  # decoded, then recalled
        assert {skipped.path: skipped.reason.split(":")[0] for skipped in dataset.skipped} == {
            "cat/3a.png": "the file is empty (0 bytes)",
            "cat/3b.jpg": "the file is not a JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF or PPM image",
            "dog/3c.png": "the image is damaged or cut short",
            "dog/gone.png": "the link leads nowhere",
        }
        stored = pixels(dataset, dataset.side)
        assert len(dataset) == len(stored) == 16
        for row, path in enumerate(dataset.paths):
            assert np.array_equal(stored[row], open_image(photos / path, 24, 3))


def test_nothing_readable_and_too_few_readable(photos, cache):
    for path in (photos / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="class 'dog' has 0 readable images"):
        prepare(photos, cache)
    for path in (photos / "cat").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"None of the 16 images .* cat/0\.png: the file is empty"):
        prepare(photos, cache)


def test_a_second_call_decodes_nothing(photos, cache, monkeypatch):
    first = prepare(photos, cache)
    monkeypatch.setattr(decoded, "read_image", lambda *_, **__: pytest.fail("decoded again"))
    second = prepare(photos, cache)
    assert (second.array, second.fingerprint, second.paths) == (first.array, first.fingerprint, first.paths)
    assert np.array_equal(second.splits, first.splits)
    other = prepare(photos, cache, seed=1)
    assert other.array == first.array
    assert not np.array_equal(other.splits, first.splits)
    moved = shutil.copytree(photos, photos.parent / "elsewhere")
    assert prepare(moved, cache).array == first.array


def test_changed_content_another_name_or_label_is_another_fingerprint(photos, cache):
    first = prepare(photos, cache)
    Image.new("RGB", (20, 24), "red").save(photos / "cat" / "3.png")
    changed = prepare(photos, cache)
    assert changed.fingerprint != first.fingerprint
    assert changed.array != first.array
    assert np.array_equal(pixels(changed, 24)[3], np.full((24, 24, 3), (255, 0, 0)))
    (photos / "cat" / "3.png").rename(photos / "dog" / "30.png")
    assert prepare(photos, cache).fingerprint not in (first.fingerprint, changed.fingerprint)


def test_a_lost_or_damaged_array_is_made_again(photos, cache):
    dataset = prepare(photos, cache)
    expected = np.array(pixels(dataset, 24))
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"junk"), lambda path: os.truncate(path, 500)):
        damage(Path(dataset.array))
        with pytest.raises(DataError, match="Run the search again"):
            pixels(dataset, 24)
        assert np.array_equal(pixels(prepare(photos, cache), 24), expected)


def test_duplicates_leaks_and_torn_labels_are_told(photos, cache):
    shutil.copy(photos / "cat" / "0.png", photos / "cat" / "copy.png")
    shutil.copy(photos / "cat" / "1.png", photos / "dog" / "torn.png")
    dataset = prepare(photos, cache)
    assert dataset.duplicates == 2
    split_of = dict(zip(dataset.paths, dataset.splits.tolist(), strict=True))
    assert split_of["cat/0.png"] == split_of["cat/copy.png"]
    assert split_of["cat/1.png"] == split_of["dog/torn.png"] == -1
    assert any("under several classes" in note for note in dataset.notes)
    given = photos.parent / "given"
    for name in ("train", "val", "test"):
        shutil.copytree(photos, given / name)
    assert any("copies of training images" in note for note in prepare(given, cache).notes)


def test_given_splits_are_kept(tmp_path, cache):
    for seed, name in enumerate(("train", "valid")):
        paint(tmp_path / "p" / name, size=(20 + seed, 24))
    dataset = prepare(tmp_path / "p", cache)
    assert all((code == 1) == path.startswith("valid") for path, code in zip(dataset.paths, dataset.splits, strict=True))
    assert dataset.counts("test").tolist() == [1, 1]


def test_progress_counts_every_file_twice_and_ends(photos, cache):
    calls = []
    prepare(photos, cache, progress=lambda done, of: calls.append((done, of)))
    assert [done for done, _ in calls] == [*range(1, 33), 32]
    assert {of for _, of in calls} == {32}
    calls.clear()
    prepare(photos, cache, progress=lambda done, of: calls.append((done, of)))
    assert calls[-1] == (32, 32)
    assert len(calls) == 17


def test_the_least_recently_used_arrays_go_first_and_the_current_one_never(tmp_path, cache):
    roots = [paint(tmp_path / f"p{number}", size=(24 + number, 24)) for number in range(3)]
    first, second = (prepare(root, cache) for root in roots[:2])
    size = Path(first.array).stat().st_size
    os.utime(first.array, (1, 1))
    os.utime(second.array, (2, 2))
    prepare(roots[0], cache)  # used again: now the second is the oldest
    third = prepare(roots[2], cache, limit_bytes=2 * size + 500)
    assert [Path(dataset.array).exists() for dataset in (first, second, third)] == [True, False, True]
    pixels(third, 16, limit_bytes=1)
    assert [Path(dataset.array).exists() for dataset in (first, second, third)] == [False, False, True]
    assert pixels(third, 16).shape == (16, 16, 16, 3)


def test_what_a_crash_left_is_swept_away_but_not_the_work_of_others(photos, cache):
    cache.mkdir()
    for name, age in ((".old.npy.1-ab.part", 10), (".busy.npy.2-cd.part", None)):
        (cache / name).write_bytes(b"half")
        if age:
            os.utime(cache / name, (age, age))
    prepare(photos, cache)
    assert {path.name for path in cache.glob(".*")} == {".busy.npy.2-cd.part"}


def test_an_interrupted_write_leaves_nothing(photos, cache, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoded, "read_image", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(photos, cache)
    assert list(cache.iterdir()) == []
    assert len(prepare(photos, cache)) == 16


def test_a_full_disk_is_said(photos, cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(arrays, "_header", full)
    with pytest.raises(StoreError, match=r"No space left on device\. Free some space"):
        prepare(photos, cache)


def test_pixels_at_other_sizes_are_the_stored_ones_resized(photos, cache, monkeypatch):
    dataset = prepare(photos, cache)
    base = np.array(pixels(dataset, 24))
    for size in (16, 48):
        resized = pixels(dataset, size)
        assert isinstance(resized, np.memmap)
        assert np.array_equal(resized, resize_array(base, size))
    monkeypatch.setattr("automl_cnn.data.cache.resize_array", lambda *_: pytest.fail("made again"))
    assert pixels(dataset, 16).shape == (16, 16, 16, 3)
    with pytest.raises(DataError, match="at least 1 px"):
        pixels(dataset, 0)


def _digest_at_16(dataset):
    return hashlib.sha256(np.array(pixels(dataset, 16)).tobytes()).hexdigest()


def test_two_processes_may_ask_for_the_same_size_at_once(photos, cache):
    dataset = prepare(photos, cache)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        digests = set(pool.map(_digest_at_16, [dataset] * 4, chunksize=1))
    assert digests == {_digest_at_16(dataset)}
    assert not list(cache.glob("*.part"))


@pytest.fixture
def digits():
    return np.random.default_rng(0).integers(0, 255, (30, 16, 16), np.uint8)


def test_arrays_become_a_dataset(digits, cache):
    labels = np.arange(30) % 3 * 5
    dataset = prepare_arrays(digits, labels, cache)
    assert (dataset.classes, dataset.channels, dataset.side, dataset.native) == (("0", "5", "10"), 1, 16, 16)
    assert np.array_equal(pixels(dataset, 16)[..., 0], digits)
    assert dataset.labels.tolist() == [row % 3 for row in range(30)]
    assert dataset.counts("test").tolist() == [2, 2, 2]
    again = prepare_arrays(digits / 255, labels, cache)
    assert (again.array, again.fingerprint) == (dataset.array, dataset.fingerprint)
    assert prepare_arrays(digits, (labels + 5) % 15, cache).fingerprint != dataset.fingerprint
    assert prepare_arrays(np.repeat(digits[..., None], 3, axis=3), labels, cache, max_size=8).side == 8


@pytest.mark.parametrize(
    ("kinds", "classes"),
    [
        (["b", "a"], ("a", "b")),
        ([True, False], ("False", "True")),
        ([("x", 1), ("a", 2)], ("('a', 2)", "('x', 1)")),
        (["b", 3], ("3", "b")),
        ([10, 9.5], ("9.5", "10")),
    ],
)
def test_labels_of_any_hashable_kind(digits, cache, kinds, classes):
    dataset = prepare_arrays(digits, [kinds[row % 2] for row in range(30)], cache)
    assert dataset.classes == classes
    assert all(dataset.classes[label] == str(kinds[row % 2]) for row, label in enumerate(dataset.labels))


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0, 1] * 14, "30 images and 28 labels"),
        ([0] * 30, "at least two"),
        ([1, None] * 15, "missing"),
        ([1.0, float("nan")] * 15, "missing"),
        ([1, "1"] * 15, "both read '1'"),
        ([[0, 1], [1, 0]] * 15, "not hashable"),
        ([0] * 28 + [1] * 2, "class '1' has 2 readable images"),
    ],
)
def test_labels_that_cannot_be_used(digits, cache, labels, reason):
    with pytest.raises(DataError, match=reason):
        prepare_arrays(digits, labels, cache)


def test_suspiciously_dark_arrays_are_told(digits, cache):
    assert f"brightest pixel of all images is {(digits // 17).max()} of 255" in prepare_arrays(digits // 17, np.arange(30) % 2, cache).notes[0]
    assert prepare_arrays(digits, np.arange(30) % 2, cache).notes == ()


def test_the_splits_are_a_table_with_reasons(photos, cache, tmp_path):
    shutil.copy(photos / "cat" / "0.png", photos / "cat" / "copy.png")
    shutil.copy(photos / "cat" / "1.png", photos / "dog" / "torn.png")
    dataset = prepare(photos, cache)
    write_splits(dataset, tmp_path / "split.csv")
    rows = {row["path"]: row for row in csv.DictReader((tmp_path / "split.csv").open())}
    assert list(rows) == list(dataset.paths)
    assert rows["cat/0.png"]["group"] == rows["cat/copy.png"]["group"] != rows["cat/2.png"]["group"]
    assert {rows[path]["split"] for path in ("cat/1.png", "dog/torn.png")} == {"none"}
    assert rows["dog/torn.png"]["reason"] == "the same bytes are in another class"
    assert rows["cat/2.png"]["reason"] == "drawn"
    dataset.save(tmp_path / "dataset.json")
    again = type(dataset).load(tmp_path / "dataset.json")
    assert again.aside == dataset.aside
