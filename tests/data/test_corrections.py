"""A list of labels to change and images to leave out."""

from pathlib import Path

import pytest

from automl_cnn.data.corrections import corrected, read
from automl_cnn.data.labelsets import LabelSets
from automl_cnn.data.scan import Scan
from automl_cnn.errors import DataError

FILES = Scan(Path("pets"), ("cat", "dog"), (("cat/1.jpg", 0, None), ("cat/2.jpg", 0, None), ("dog/3.jpg", 1, None), ("dog/4, left.jpg", 1, None)))


def applied(tmp_path, *lines, head="action,path,label,reason"):
    place = tmp_path / "suspects.csv"
    place.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8-sig")  # as spreadsheets save it
    return corrected(FILES, read(place), place)


def test_labels_change_and_images_are_left_out(tmp_path):
    after = applied(tmp_path, "keep,cat/1.jpg,dog,", " Relabel ,cat/2.jpg,dog,label", 'exclude,"dog/4, left.jpg",,blank')
    assert after.files == (("cat/1.jpg", 0, None), ("cat/2.jpg", 1, None), ("dog/3.jpg", 1, None))
    assert after.notes[-1] == "suspects.csv changed the labels of 1 image and left 1 image out."


def test_names_with_line_ends_and_other_delimiters_are_read(tmp_path):
    files = Scan(Path("pets"), ("cat", "dog"), (("cat/1\u2028.jpg", 0, None), ("cat/2\n.jpg", 0, None), ("dog/3.jpg", 1, None)))
    place = tmp_path / "suspects.csv"
    place.write_bytes('action;path;label\r\nrelabel;cat/1\u2028.jpg;dog\r\nkeep;"cat/2\n.jpg";cat\r\n'.encode())
    assert corrected(files, read(place), place).files[0][1] == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("drop,cat/1.jpg,,", "Line 2 of .*'drop' is not an action. Expected keep, relabel, exclude"),
        ("relabel,cat/1.jpg,dogs,", "there is no class 'dogs'. Did you mean 'dog'"),
        ("relabel,cat/1.jpg,,", "there is no class ''"),
        ("exclude,cat/1.jpeg,,", "no image 'cat/1.jpeg' in pets. Did you mean 'cat/1.jpg'"),
        ("exclude,cat/1.jpg,,\nexclude,cat/1.jpg,,", "is in line 2 already"),
        ("exclude,cat/1.jpg,,\nexclude,cat/2.jpg,,", "leaves no image in 'cat'"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_line(tmp_path, line, words):
    with pytest.raises(DataError, match=words):
        applied(tmp_path, line)


SETS = Scan(
    Path("pets"), ("cat", "cat|dog", "night"), (("1.jpg", 0, None), ("2.jpg", 1, "val"), ("3.jpg", 2, None)), meaning=LabelSets(
        ("cat", "dog", "night"), ((0,), (0, 1), (2,))
    ),
)  # fmt: skip


def labels_after(tmp_path, *lines):
    """By file, the labels of `SETS` after a list was applied."""
    place = tmp_path / "suspects.csv"
    place.write_text("\n".join(["action,path,label", *lines]) + "\n")
    after = corrected(SETS, read(place), place)
    return {path: tuple(after.meaning.names[one] for one in after.meaning.sets[label]) for path, label, _ in after.files}


def test_several_labels_change_to_sets_that_no_other_image_has(tmp_path):
    after = labels_after(tmp_path, "relabel,1.jpg,night|cat", "relabel,3.jpg,dog|night", "keep,2.jpg,")
    assert after == {"1.jpg": ("cat", "night"), "2.jpg": ("cat", "dog"), "3.jpg": ("dog", "night")}
    assert labels_after(tmp_path, "relabel,1.jpg,|")["1.jpg"] == ()


def test_the_only_image_with_a_set_of_labels_may_be_left_out(tmp_path):
    assert set(labels_after(tmp_path, "exclude,1.jpg,")) == {"2.jpg", "3.jpg"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("relabel,1.jpg,cat|dogs", "there is no label 'dogs'. Did you mean 'dog'.* The labels: 'cat', 'dog', 'night'"),
        ("relabel,1.jpg,", "expected the new labels, as in cat|dog, or | where none applies"),
        ("exclude,2.jpg,", "leaves no image in 'dog'. Keep some, or leave the label out of the table"),
        ("relabel,3.jpg,cat", "leaves no image in 'night'"),
    ],
)
def test_labels_that_cannot_change_are_refused(tmp_path, line, words):
    with pytest.raises(DataError, match=words.replace("|", r"\|")):
        labels_after(tmp_path, line)


def test_what_is_no_list_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no column action and label"):
        applied(tmp_path, "cat/1.jpg", head="path")
    with pytest.raises(DataError, match="each once"):
        applied(tmp_path, "keep,cat/1.jpg,cat,cat", head="action,path,label,label")
    with pytest.raises(DataError, match=r"Line 2 of .* has 5 cells, its first line 4"):
        applied(tmp_path, "exclude,dog/4, left.jpg,,blank")
    with pytest.raises(DataError, match="field larger than field limit"):
        applied(tmp_path, f"keep,cat/1.jpg,,{'x' * 200_000}")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("action,path,label\nkeep,caf\xe9.jpg,\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read(tmp_path / "latin.csv")
