import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_cnn.data import names as rules
from automl_cnn.data.names import families, stem_of

HASH = "0f3ab54c1d2e3f4a5b6c7d8e9f0a1b2c"
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c330"
OTHERS = [f"x{number}q.jpg" for number in range(8)]  # a class has other photos too


def grouped(names, others=OTHERS):
    every = [*names, *others]
    groups = families([f"cat/{name}" for name in every], [0] * len(every), [f"digest {name}" for name in every])
    return sorted(sorted(every[row] for row in family) for family in groups)


@pytest.mark.parametrize(
    "names",
    [
        ["photo03.jpg", "photo03_aug2.jpg", "photo03_aug0.png"],
        ["photo03.jpg", "photo03-flip.jpg"],
        ["photo03.jpg", "photo03_rot90.jpg", "photo03_rot_-15.jpg", "photo03_flip_rot90.jpg"],
        ["photo03_aug0.jpg", "photo03_aug1.jpg"],  # without the original
        ["photo03.jpg", "photo03_hflip.jpg", "photo03_flipLR.jpg", "photo03_flip_horizontal.jpg"],
        ["cat.jpg", "cat_aug1.jpg", "cat_aug2.jpg"],
        ["IMG_1.jpg", "IMG_1(1).jpg", "IMG_1 (2).jpg"],
        ["IMG_1.jpg", "IMG_1 - Copy.jpg", "IMG_1 - Copy (2).jpg", "Copy of IMG_1.jpg"],
        ["IMG_1.jpg", "IMG_1_edited.jpg", "IMG_1-edited.jpg"],
        ["IMG_1.jpg", "IMG_1~2.jpg"],
        [f"IMG_7_jpg.rf.{HASH}.jpg", f"IMG_7_jpg.rf.{HASH[::-1]}.jpg"],
        [f"IMG_7_JPG.rf.{HASH}.jpg", "IMG_7.jpg"],
        ["aug_3_photo03.jpg", "photo03.jpg", "aug_4_photo03.jpg"],
        ["aug_3_photo03.jpg", "aug_4_photo03.jpg"],
        ["flip_photo03.jpg", "photo03.jpg"],
        ["img_flip_001.jpg", "img_001.jpg"],
        [f"cat_original_IMG1.jpg_{UUID}a.jpg", f"cat_original_IMG1.jpg_{UUID}b.jpg"],
        [f"cat_original_IMG1.jpg_{UUID}a.jpg", "IMG1.jpg"],
        ["0001.jpg", "0001_crop.jpg"],
        ["leaf 12.JPG", "leaf 12_90deg.JPG", "leaf 12_270deg.JPG"],
    ],
)
def test_versions_of_a_photo_are_one_family(names):
    assert grouped(names) == [sorted(names)]


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{number:04d}.jpg" for number in range(30)],
        [f"000_{number:05d}.jpg" for number in range(30)],
        [f"cat.{number}.jpg" for number in range(30)],
        [f"{number}_{other}.png" for number in range(5) for other in range(6)],
        [f"0_{number}.png" for number in range(30)],
        [f"cat ({number}).jpg" for number in range(1, 30)],  # renamed in bulk
        ["download.jpg", *(f"download ({number}).jpg" for number in range(1, 20))],  # different pictures of the web
        [f"aug_{number:04d}.png" for number in range(30)],
        [f"crop_{number}_{number % 7}.png" for number in range(30)],
        [f"image_aug_{number}.jpg" for number in range(30)],  # of what, the name does not say
        ["photo1_1.jpg", "photo1_2.jpg", "photo1.jpg"],
        [f"s{number // 4}_frame_{number}.jpg" for number in range(40)],
        [f"{number}_{angle}.jpg" for number in range(6) for angle in (30, 60, 90)],
        [f"IMG_2019{number:02d}_1200{number:02d}.jpg" for number in range(30)],
        ["5110102140_787d325757_n.jpg", "5110102140_787d325757_m.jpg", "13977181862_f8237b6b52.jpg"],
        [f"_DSC{number}.jpg" for number in range(10)],
        ["grayling1.jpg", "grayling2.jpg", "darkroom_1.jpg", "scaleA_2.jpg"],
        [f"cam1_{number}_{100 * number}.png" for number in range(20)],  # a sequence and its time stamps
        [f"25_0_2_{number}.jpg" for number in range(2000, 2030)],
    ],
)
def test_ordinary_names_are_no_families(names):
    assert grouped(names, others=[]) == []


def test_what_keras_saves_is_grouped_by_its_row():
    drawn = iter([5123, 87, 9001, 4402, 7310, 2218, 6604, 350, 8127, 1999, 3051, 7744, 5870, 12, 9555, 4100, 610, 2950])
    names = [f"cat_{row}_{next(drawn)}.jpeg" for row in range(6) for _ in range(3)]
    assert grouped(names, others=[]) == sorted(sorted(names[start : start + 3]) for start in range(0, 18, 3))


def test_only_files_of_one_class_are_compared():
    names = ["cat/photo1.jpg", "dog/photo1_aug1.jpg", "dog/photo2.jpg"]
    assert families(names, [0, 1, 1], ["a", "b", "c"]) == []


def test_folders_that_each_count_from_one_are_not_compared():
    apart = ["train/cat/1.jpg", "train/cat/1_aug0.jpg", "test/cat/1.jpg", "test/cat/2_aug0.jpg", "train/cat/2.jpg"]
    assert families(apart, [0] * 5, list("abcde")) == [[0, 1]]
    across = ["train/cat/1_aug0.jpg", "test/cat/1.jpg", "test/cat/2_aug0.jpg", "train/cat/2.jpg"]
    assert sorted(families(across, [0] * 4, list("abcd"))) == [[0, 1], [2, 3]]


def test_stem():
    assert stem_of("photo03_flip_rot90.jpg") == "photo03"
    assert stem_of("IMG_0001.jpg") == "img_0001"


PARTS = ["photo", "img", "7", "03", "cat", "_", "-", " ", ".", "aug", "hflip", "rot", "90", "270", "15deg", "30°", "copy", "kopie", "of", "edited", "(2)", "~1"]
PARTS += ["_jpg.rf." + HASH, f".png_{UUID}a", "greyscale", "original", "modifié", "noise", "x"]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join))
def test_the_quick_look_at_a_name_hides_no_mark(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "MARKED", re.compile(""))
        every = list(rules._shorter(name))
    assert list(rules._shorter(name)) == every
