"""What a report shows, before it is HTML."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from report_fakes import OVERFITS, epochs, evidence, result, study, trial

from automl_cnn.paired import packed
from automl_cnn.quantities import clock, compact
from automl_cnn.records import Refit, State
from automl_cnn.report import render, view
from automl_cnn.report.importances import LEAST, importances
from automl_cnn.report.numbers import figures, percent, powers, ticks
from automl_cnn.report.training import differences, front, lineage
from automl_cnn.workers import Workers


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_verdict_is_one_sentence_about_the_test_images():
    page = view(study())
    assert plain(page.verdict) == (
        "resnet, width 0.5 at 64 px, with 1.0M parameters, correctly classified 85.0 % (95 % interval 79.0 % to 90.0 %) of the 23 test images, "
        "which it had never seen; always predicting the most frequent class would give 45.0 %."
    )
    assert page.why == OVERFITS.sentence
    assert page.state == "finished: no further trial fits into the budget; 3 trials in 2:05"


def test_without_a_test_score_the_verdict_says_that_the_images_were_chosen_by():
    best = trial(1, 0.82)
    page = view(study((best,), result=None))
    assert "correctly classified 82.0 %" in plain(page.verdict)
    assert plain(page.verdict).endswith(" of the 23 validation images, by which it was chosen.")
    assert "always predicting" not in page.verdict


def test_a_cross_validated_score_is_called_that():
    first, best = trial(0, 0.7), trial(1, 0.82, folds=5, val_score=0.82)
    page = view(study((first, best)))
    assert [tile.label for tile in page.tiles[:2]] == ["accuracy, test", "accuracy, 5-fold cross-validation"]
    assert [row.judged for row in page.board] == ["5-fold", "validation"]
    assert page.scoring.startswith("A 5-fold score is cross-validated over the training and validation images; the others come from the validation images.")
    verdict = plain(view(study((first, best), result=None)).verdict)
    assert "correctly classified 82.0 %" in verdict
    assert "of the 123 training and validation images, in the 5-fold cross-validation by which it was chosen" in verdict
    only = view(study((best,)))
    assert only.scoring.startswith("Scores are cross-validated over the training and validation images.")


def test_where_all_scores_are_of_one_kind_rows_do_not_repeat_it():
    page = view(study())
    assert {row.judged for row in page.board} == {""}
    assert page.scoring.startswith("Scores come from the validation images. The winner comes first.")
    assert "more than one standard error" in page.scoring
    assert page.beside == ()


def test_a_refit_and_a_trial_ahead_by_chance_stand_beside_the_scores():
    best, rival = (trial(number, count / 100, right=packed((np.arange(100) + 5 * number) % 100 < count)) for number, count in ((0, 90), (1, 91)))
    facts = study((best, rival))
    refit = dataclasses.asdict(Refit(192, 100))
    page = view(dataclasses.replace(facts, result={**facts.result, "trial": 0, "refit": refit}))
    assert page.beside == (
        f"{Refit(192, 100).sentence} The figures on this page come from the scored model, kept beside it as scored.keras.",
        "Trial 1 scores 0.010 more, which is within chance (up to 0.030). It costs more: 40.0M mult-adds against 20.0M.",
    )
    kept = dataclasses.asdict(Refit(192, 100, kept="no time was left"))
    assert view(dataclasses.replace(facts, result={**facts.result, "trial": 0, "refit": kept})).beside[0].endswith("no time was left.")
    assert len(view(facts).beside) == 1  # the refit is not of this winner


def test_a_test_score_of_an_earlier_winner_is_not_shown_for_the_new_one():
    facts = study()
    page = view(dataclasses.replace(facts, result={**facts.result, "trial": 0}))
    assert "validation images" in page.verdict


def test_other_metrics_are_named_and_no_percentages():
    page = view(study(metric="balanced_accuracy"))
    assert "reached a balanced accuracy of 0.850 (95 % interval 0.790 to 0.900) on the 23 test images" in page.verdict


def test_a_search_that_failed_entirely_says_why():
    failed = tuple(trial(number, None, state=State.FAILED, failure="out of memory", epochs=()) for number in range(3))
    page = view(study(failed))
    assert page.verdict == "No network could be trained: out of memory."
    assert page.failures == (("out of memory", "0, 1, 2"),)
    assert page.winner is None
    assert page.costs == page.mistakes == ()
    assert page.confusion is page.believable is None
    assert not any("predict" in command.line for command in page.commands)


def test_no_trial_at_all():
    page = view(study((), data={}, settings={}, skipped=(), notes=()))
    assert page.verdict == "No network could be trained yet."
    assert page.board == ()


def test_one_trial():
    page = view(study((trial(0, 0.7),)))
    assert [row.trial for row in page.board] == [0]
    assert page.others == ()
    assert len(page.costs) == 3
    assert "Too few trials" in page.important_note


def test_the_board_ranks_scores_then_cost_and_puts_the_hopeless_last():
    trials = (
        trial(0, 0.8, mult_adds=50),
        trial(1, 0.9),
        trial(2, 0.8, mult_adds=40),
        trial(3, 0.95, state=State.PRUNED),
        trial(4, None, state=State.FAILED, failure="boom", epochs=()),
    )
    page = view(study(trials))
    assert [(row.rank, row.trial) for row in page.board] == [("1", 1), ("2", 2), ("3", 0), ("–", 3), ("–", 4)]
    assert [row.winner for row in page.board] == [True, False, False, False, False]
    assert page.board[0].finding == "overfitting"
    assert page.board[-1].reason == "boom"


def test_two_hundred_trials_are_folded():
    page = view(study(tuple(trial(number, 0.5 + number / 1000) for number in range(200))))
    assert len(page.board) == 25
    assert len(page.more) == 175
    assert len(page.others) == 6


def test_the_front_holds_what_nothing_beats_at_the_same_cost():
    trials = (trial(0, 0.7, mult_adds=10), trial(1, 0.6, mult_adds=20), trial(2, 0.9, mult_adds=30), trial(3, 0.9, mult_adds=40), trial(4, 0.8, mult_adds=None))
    assert [one.number for one in front(trials, "mult_adds")] == [0, 2]
    pruned = trial(5, 0.99, state=State.PRUNED, mult_adds=1)
    assert [one.number for one in front((*trials, pruned), "mult_adds")] == [0, 2]


def test_curves_join_a_trial_to_those_it_went_on_from():
    trials = (trial(0, 0.6, best_epoch=4), trial(1, 0.7, continue_from=0, best_epoch=5), trial(2, 0.8, continue_from=1))
    assert [one.number for one in lineage(trials[2], trials)] == [0, 1, 2]
    chart = view(study(trials)).winner.charts[0]
    assert "over 15 epochs" in chart  # 4 and 5 up to the best epoch, then 6
    assert chart.count("trained on") == 2
    assert "epoch 15" in chart


def test_a_circle_of_trials_does_not_hang():
    trials = (trial(0, 0.6, continue_from=1), trial(1, 0.7, continue_from=0))
    assert [one.number for one in lineage(trials[1], trials)] == [0, 1]


def test_the_finding_is_drawn_where_it_begins():
    chart, loss = view(study()).winner.charts
    assert ">overfitting<" in chart
    assert 'class="gap"' in chart
    assert 'class="gap"' in loss
    without = view(study(findings={})).winner.charts[0]
    assert 'class="gap"' not in without


def test_clean_training_scores_are_told_from_the_batches():
    page = view(study((trial(0, 0.8, epochs=epochs(6, 0.8, clean=True)),)))
    assert page.winner.clean
    assert "training images, unaugmented, epoch" in page.winner.charts[0]
    assert "training batches, epoch" in page.winner.charts[0]


def test_a_probe_has_no_curve_and_says_so():
    page = view(study((trial(0, 0.8, epochs=epochs(1, 0.8)),)))
    assert page.winner.charts == ()
    assert "no curve" in page.winner.note


def test_numbers_that_are_none_are_not_drawn():
    broken = tuple(dataclasses.replace(epoch, loss=math.nan, val_loss=math.nan) for epoch in epochs(4, 0.7))
    page = view(study((trial(0, 0.8, epochs=broken),)))
    assert "nan" not in "".join(page.winner.charts)


def switched(on: float, off: float, count: int) -> list:
    made = []
    for number in range(count):
        for side, score in ((True, on), (False, off)):
            made.append(trial(len(made), score + 0.01 * (number % 3), configuration={"regularizer.augment": side}))
    return made


def test_what_goes_with_better_scores():
    (difference,) = differences(switched(0.8, 0.6, 5))
    assert difference.what == "augment"
    assert difference.difference == "+0.200"
    assert difference.sure
    assert difference.tried == "5 with, 5 without"
    (unsure,) = differences(switched(0.601, 0.6, 5))
    assert not unsure.sure


def test_two_trials_a_side_tell_nothing():
    assert differences(switched(0.8, 0.6, 2)) == ()


def test_welch_agrees_with_scipy():
    from scipy import stats

    from automl_cnn.report.training import _welch

    first, second = [0.8, 0.82, 0.79, 0.85], [0.7, 0.72, 0.75, 0.71, 0.69]
    mean, half = _welch(first, second)
    known = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert mean - half == pytest.approx(known.low, abs=1e-3)
    assert mean + half == pytest.approx(known.high, abs=1e-3)


def test_importances_find_the_parameter_that_matters():
    trials = [trial(number, 0.5 + 0.4 * (number % 5) / 4, configuration={"matters": (number % 5) / 4, "idle": (number * 7) % 11}) for number in range(40)]
    bars, note = importances(trials)
    assert bars[0][0] == "matters"
    assert bars[0][1] > 0.5
    assert "40 trials" in note


def test_importances_need_trials_of_comparable_length():
    enough = [trial(number, 0.5 + number / 100, configuration={"rate": number / 10}) for number in range(LEAST)]
    promoted = [dataclasses.replace(one, continue_from=0) for one in enough[1:]]
    assert importances(enough)[0]
    bars, note = importances([enough[0], *promoted])
    assert bars == ()
    assert note.startswith("Too few trials of comparable length to rank the parameters: 1,")
    same = [dataclasses.replace(one, score=0.5) for one in enough]
    assert importances(same) == ((), "All trials scored the same, so no parameter mattered.")


def test_the_confusion_is_that_of_the_test_images_where_they_were_counted():
    assert view(study()).confusion.split == "validation"
    page = view(study(evidence=evidence(1, test_confusion=((9, 1, 0), (0, 4, 0), (0, 3, 6)))))
    assert page.confusion.split == "test"
    assert page.confusion.pairs == (("tulip", "rose", 3, 9), ("daisy", "rose", 1, 10))
    assert [row[0] for row in page.confusion.per_class] == ["tulip", "daisy", "rose"]
    assert tuple(map(plain, page.confusion.per_class[0][2:])) == ("67 %", "35 % to 88 %", "100 %")


def test_a_hundred_classes_are_a_picture_and_a_fold():
    names = tuple(f"class {number}" for number in range(100))
    best = trial(1, 0.82)
    facts = study((best,), evidence=evidence(1, 100))
    facts = dataclasses.replace(facts, data={**facts.data, "classes": list(names), "splits": {key: list(range(1, 101)) for key in ("train", "val", "test")}})
    page = view(facts)
    assert page.confusion.rows == ()
    assert page.confusion.chart.startswith("<svg")
    assert len(page.images.counts) == 40
    assert page.images.more == 60
    assert page.images.counts[0][0] == "class 0", "the smallest first"


def test_two_classes():
    page = view(study((trial(1, 0.82),), evidence=evidence(1, 2), data={"classes": ["no", "yes"]}))
    assert page.confusion.classes == ("no", "yes")


def test_calibration_is_told_before_and_after():
    page = view(study())
    assert page.believable.compared
    assert "less confident" in page.believable.sentence
    assert "temperature 1.70" in page.believable.sentence
    untouched = view(study(evidence=evidence(1, temperature=None, raw=())))
    assert not untouched.believable.compared
    assert untouched.believable.sentence.endswith("it was not calibrated.")


def test_missing_evidence_says_why():
    page = view(study(evidence=None, without_evidence="No time was left."))
    assert page.evidence_note == "No time was left."
    assert page.confusion is None
    assert page.mistakes == ()


def test_commands_quote_names_and_stores():
    lines = [command.line for command in view(study(name="my flowers", store="a store")).commands]
    assert "automl-cnn predict 'my flowers' photo.jpg --store 'a store'" in lines
    assert any("-m 'models:/my flowers@champion' --env-manager local" in line for line in lines)


def test_what_the_scan_found():
    images = view(study()).images
    facts = {name: plain(value) for name, value in images.facts}
    assert facts["imbalance"] == "the largest class has 5.0 times the training images of the smallest"
    assert facts["split"] == "100 training, 23 validation, 23 test"
    assert facts["unreadable"] == "1 left out"
    assert images.skipped == (("rose/bad.jpg", "the file is empty (0 bytes)"),)
    assert images.counts == (("daisy", 50, 10, 10), ("rose", 10, 4, 4), ("tulip", 40, 9, 9))


def test_old_records_without_most_of_it():
    old = dataclasses.replace(trial(0, 0.7), configuration={}, epochs=(), interval=None, params=None, mult_adds=None, best_epoch=None)
    page = view(study((old, dataclasses.replace(old, number=1, score=0.6)), data={"classes": ["a", "b"]}, result=None, evidence=None, findings={}))
    assert page.board[0].network == "-"
    assert page.winner.note == "It has no epochs."


def test_numbers_as_one_says_them():
    assert [compact(number) for number in (None, 950, 12_340, 1_234_567, 2.5e9)] == ["-", "950", "12.3k", "1.2M", "2.5G"]
    assert clock(3725) == "1:02:05"
    assert plain(percent(0.9876)) == "98.8 %"
    assert [figures(number) for number in (0.25, 5000, 30_000, 10_000_000)] == ["0.25", "5000", "30k", "10M"]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.83, 1.0), (1, 90), (0.61, 0.62)])
def test_ticks_are_few_round_and_inside(low, high):
    positions = ticks(low, high)
    assert 3 <= len(positions) <= 11
    assert all(low <= tick <= high + 1e-9 for tick in positions)
    assert ticks(2.0, 2.0) == [2.0]
    assert all(tick == int(tick) for tick in ticks(1, 3, whole=True))


def test_logarithmic_marks_lie_inside():
    assert powers(1.3e7, 3e8) == [3e7, 1e8, 3e8]
    assert all(20 <= mark <= 90 for mark in powers(20, 90))


def test_an_ensemble_in_the_best_ones_place_is_told_with_its_own_size_and_scores():
    facts = study()
    best = next(iter(facts.findings))
    members = {"1": 0.6, "0": 0.4}
    ensemble = {**facts.result, "members": members, "params": 3_000_000, "mult_adds": 9_000_000, "val_score": 0.91, "val_interval": [0.8, 0.95]}
    page = view(dataclasses.replace(facts, result={**ensemble, "trial": best}))
    assert plain(page.verdict).startswith("2 networks together, trial 1 (60%), trial 0 (40%), with 3.0M parameters in all, correctly classified 85.0 %")
    assert [plain(tile.value) for tile in page.tiles][:4] == ["0.850", "0.910", "3.0M", "9.0M"]
    assert "together" not in view(dataclasses.replace(facts, result={**ensemble, "trial": 0})).verdict, "a trial was better since"


def test_workers_are_named_where_there_were_several():
    trials = (trial(0, 0.7, worker=1), trial(1, 0.82, worker=2), trial(2, 0.6, worker=1, node="box"), trial(3, 0.5))
    used = Workers(2, 0.5, 180.0, 20.0, 100.0)
    page = view(study(trials, result={**result(trials[1]), "workers": used.as_dict()}))
    assert {row.trial: row.worker for row in page.board} == {0: "1", 1: "2", 2: "1 on box", 3: "–"}
    (tile,) = [tile for tile in page.tiles if tile.label == "workers"]
    assert (tile.value, tile.note) == ("2", "1.80 trials at a time, idle 10% of the time")
    alone = view(study((trial(0, 0.7, worker=1), trial(1, 0.82))))
    assert {row.worker for row in alone.board} == {""}
    assert "workers" not in [tile.label for tile in alone.tiles]


def test_label_noise_is_weighed_against_the_labels_that_the_winner_contradicts():
    noise = dataclasses.replace(OVERFITS, kind="label_noise")
    facts = study(findings={1: (noise,)}, evidence=evidence(1, suspects=()))
    assert f"contradicts none of the labels of the {sum(facts.data['splits']['val'])} validation images" in view(facts).winner.story
    assert "contradicts" not in view(dataclasses.replace(facts, evidence=evidence(0, suspects=()))).winner.story, "another trial's"
    assert "contradicts" not in view(dataclasses.replace(facts, evidence=evidence(1))).winner.story, "it was not counted"


def test_an_uncertain_finding_says_so_at_the_top_and_looks_weak():
    unsure = dataclasses.replace(OVERFITS, probability=0.49, others=(("label_noise", 0.4),))
    facts = study(findings={1: (unsure,)})
    page = view(facts)
    assert page.why == f"{OVERFITS.sentence} This diagnosis is not certain (49 % certain; or label noise (40 %))."
    assert page.board[0].severity == "weak"
    assert '<span class="tag weak">overfitting</span>' in render.page(facts)
    sure = view(study(findings={1: (dataclasses.replace(unsure, probability=0.9),)}))
    assert (sure.why, sure.board[0].severity) == (OVERFITS.sentence, "high")
