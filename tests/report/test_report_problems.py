"""The section about what was wrong with the images."""

import dataclasses

import pytest
from report_fakes import checked, evidence, jpeg, problem, study

from automl_cnn.evidence import Mistake
from automl_cnn.problems import Case, Checked
from automl_cnn.report import page, view


def look(**changes):
    return view(study(**changes)).images.look


def test_a_study_without_a_check_has_no_such_section():
    assert look() is None
    assert "What may be wrong" not in page(study())
    assert "Files that could not be read" in page(study())


def test_no_problem_is_one_sentence_that_says_what_was_checked():
    seen = look(checked=checked())
    assert seen.troubles == ()
    assert seen.sentence.startswith("Before the search, the 137 images went through every check that needs no network: files, sizes,")
    assert seen.sentence.endswith("No problems were found.")
    assert "labels (no network looked at the images)" in seen.unchecked


def test_the_worst_come_first_with_what_the_search_did_and_what_to_do():
    seen = look(checked=checked(problem("copies", "note"), problem("dark", "warning"), problem("blank", "error")))
    assert [trouble.title for trouble in seen.troubles] == ["Blank images", "Dark images", "Exact copies"]
    assert seen.sentence.endswith("Found: 1 error, 1 warning, 1 note.")
    text = page(study(checked=checked(problem("dark", "warning", advice="Type `this`."))))
    assert "It uses them." in text
    assert "Type <code>this</code>." in text


def test_cases_with_pictures_are_shown_and_the_others_counted():
    cases = tuple(Case(f"a/{number}.jpg", "odd", row=number, others=("b/1.jpg", "b/2.jpg") if number == 0 else ()) for number in range(20))
    pictures = {case.path: jpeg() for case in cases[:9]} | {"b/1.jpg": jpeg(), "b/2.jpg": jpeg()}
    (trouble,) = look(checked=checked(problem("dark", "warning", cases=cases), pictures=pictures)).troubles
    assert [sample.words for sample in trouble.pictured][:2] == ["a/0.jpg = b/1.jpg and 1 more", "a/1.jpg"]
    assert [len(sample.pictures) for sample in trouble.pictured] == [2, 1, 1, 1, 1, 1]
    assert (trouble.listed, trouble.rest) == ((), "and 14 more")


def test_the_files_of_a_group_are_no_versions_of_one_photo():
    cases = (Case("a/1_1.jpg", "2 images", row=0, others=("a/1_2.jpg",)),)
    (trouble,) = look(checked=checked(problem("groups", "warning", cases=cases), pictures={"a/1_1.jpg": jpeg()})).troubles
    assert trouble.pictured[0].words == "a/1_1.jpg, a/1_2.jpg"


def test_files_without_pictures_are_listed_once():
    bad = problem("unreadable", "error", cases=(Case("rose/bad.jpg", "the file is empty (0 bytes)"),))
    (trouble,) = look(checked=checked(bad)).troubles
    assert trouble.listed == (("rose/bad.jpg", "the file is empty (0 bytes)"),)
    assert page(study(checked=checked(bad))).count("rose/bad.jpg") == 1


def test_suspects_that_its_mistakes_show_are_not_shown_again():
    given = evidence(
        1, suspects=(Mistake("rose/1.jpg", 1, 0, 0.93, 0.02), Mistake("tulip/2.jpg", 2, 0, 0.8, 0.1, jpeg()), Mistake("tulip/3.jpg", 2, 0, 0.7, 0.1))
    )
    (trouble,) = look(checked=checked(), evidence=given).troubles
    assert trouble.sentence.startswith("The winner doubts 3 labels of the 23 validation images")
    assert [sample.words for sample in trouble.pictured] == ["tulip/2.jpg"]
    assert "labeled 'tulip', looks like 'daisy'" in trouble.pictured[0].detail
    assert (trouble.above, trouble.rest) == ("1 of them is", "and 1 more")
    assert 'shown among <a href="#mistakes">' in page(study(checked=checked(), evidence=given))


@pytest.mark.parametrize(("number", "words"), [(1, "It is shown among"), (2, "All are shown among")])
def test_suspects_that_are_all_shown_elsewhere_have_no_pictures_here(number, words):
    wrong = tuple(Mistake(f"rose/{one}.jpg", 1, 0, 0.93, 0.02, jpeg()) for one in range(number))
    given = evidence(1, mistakes=wrong, suspects=tuple(dataclasses.replace(one, picture="") for one in wrong))
    text = page(study(checked=checked(), evidence=given))
    assert words in text
    assert "; the others:" not in text
    assert text.count("rose/0.jpg") == 2, "as an alternative text and a caption"


@pytest.mark.parametrize(("suspects", "words"), [((), True), (None, False)])
def test_no_doubt_is_said_where_somebody_looked(suspects, words):
    assert ("doubts none of the validation labels" in look(checked=checked(), evidence=evidence(1, suspects=suspects)).sentence) == words


def test_the_whole_check_is_named_with_its_store():
    seen = look(checked=checked(), store="my runs", settings={"data": "my photos.csv", "columns": "path=file"})
    assert seen.command == "automl-cnn check --data 'my photos.csv' --columns path=file --store 'my runs'"
    assert look(checked=Checked("", {}, ())).command == ""


def test_names_are_text_and_no_markup():
    cases = (Case("<b>x</b>.jpg", "<i>", row=0),)
    text = page(study(checked=checked(problem("dark", "warning", cases=cases), pictures={"<b>x</b>.jpg": jpeg()})))
    assert "<b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;.jpg" in text
