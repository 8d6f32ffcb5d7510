"""The best trial so far: better by more than chance, not by luck."""

import dataclasses

import numpy as np
import pytest

from automl_cnn.paired import gain, packed
from automl_cnn.ranking import chance, incumbent, ranked, replaces
from automl_cnn.records import MAJORITY, Fidelity, State, Trial

IMAGES = 200


def trial(number, right=None, *, score=None, mult_adds=1000, **given):
    """One that answered the first `right` of the images correctly, or has a score of which nothing more is known."""
    answers = None if right is None else np.arange(IMAGES) < right
    value = score if answers is None else float(answers.mean())
    packed_answers = None if answers is None else packed(answers)
    known = {"state": State.COMPLETE, "score": value, "right": packed_answers, "mult_adds": mult_adds, **given}
    return Trial(number, {"architecture": "vgg"}, Fidelity(1), "", "search", **known)


def readout(number, right, val_score, *, images=IMAGES, **given):
    """One that cross-validation judged by `images` images."""
    answers = np.arange(images) < right
    crossed = {"score": float(answers.mean()), "cross_right": packed(answers), "folds": 5, "val_score": val_score, **given}
    return dataclasses.replace(trial(number, round(val_score * IMAGES)), **crossed)


def test_a_single_image_more_is_chance_and_many_are_not():
    first = trial(0, 150)
    assert not replaces(first, trial(1, 151))
    assert replaces(first, trial(1, 170))
    assert incumbent([first, trial(1, 151)]) is first
    assert incumbent([first, trial(1, 170)]).number == 1


def test_a_gain_of_many_changes_to_and_fro_is_less_sure_than_one_of_few():
    answers = np.arange(IMAGES) < 150
    other = np.roll(answers, 40)
    other[:6] = True
    assert other.mean() - answers.mean() == pytest.approx(0.03)
    scattered = dataclasses.replace(trial(1, 150), score=float(other.mean()), right=packed(other))
    assert gain(trial(0, 150), scattered)[1] > 2 * gain(trial(0, 150), trial(1, 156))[1]
    assert not replaces(trial(0, 150), scattered)
    assert replaces(trial(0, 150), trial(1, 156))


def test_of_equal_scores_the_cheaper_network_is_the_best_whatever_came_first():
    dear, cheap = trial(0, 150, mult_adds=2000), trial(1, 150)
    assert incumbent([dear, cheap]) is cheap
    assert incumbent([dataclasses.replace(cheap, number=0), dataclasses.replace(dear, number=1)]).mult_adds == 1000
    assert incumbent([trial(0, 150), trial(1, 150)]).number == 0, "nothing speaks for the second"
    assert not replaces(trial(0, 150, mult_adds=2000), trial(1, 149)), "cheaper and worse"
    assert replaces(trial(0, 150, mult_adds=2000), trial(1, 151)), "cheaper and not worse"


def test_a_network_that_was_trained_longer_needs_no_more_than_a_higher_score():
    first = trial(0, 150)
    assert replaces(first, trial(1, 151, continue_from=0))
    assert not replaces(first, trial(1, 150, continue_from=0))
    assert not replaces(first, trial(2, 151, continue_from=1)), "it goes on from another one"


def test_trials_compete_in_the_order_of_their_numbers():
    trials = [trial(0, 150), trial(1, 152), trial(2, 160), trial(3, 161)]
    assert incumbent(trials).number == incumbent(reversed(trials)).number == 2


def test_small_steps_do_not_add_up_behind_the_best():
    assert incumbent([trial(number, 150 + number) for number in range(9)]).number > 0, "each is compared with the best, not with the one before"
    assert incumbent([trial(number, 150 + number % 2) for number in range(9)]).number == 0


def test_where_it_is_not_known_what_was_right_the_higher_score_wins():
    assert incumbent([trial(0, score=0.75), trial(1, score=0.751)]).number == 1
    assert incumbent([trial(0, 150), trial(1, score=0.751)]).number == 1
    short = dataclasses.replace(trial(1, 151), right=packed(np.ones(IMAGES - 1, bool)))
    assert incumbent([trial(0, 150), short]).number == 1, "answers to other images"


def test_pruned_failed_and_running_trials_do_not_compete():
    others = [dataclasses.replace(trial(number, 190), state=state) for number, state in enumerate((State.PRUNED, State.FAILED, State.RUNNING), 1)]
    assert incumbent([trial(0, 150), *others]).number == 0
    assert incumbent([trial(0, 150), dataclasses.replace(trial(4, 190), state=State.STOPPED)]).number == 4
    assert incumbent(others) is None
    assert incumbent([]) is None


def test_any_network_replaces_the_majority_class_and_is_never_replaced_by_it():
    constant = dataclasses.replace(trial(0, 190), stage=MAJORITY)
    assert incumbent([constant, trial(1, 20)]).number == 1
    assert incumbent([trial(0, 20), dataclasses.replace(constant, number=1)]).number == 0


def test_readouts_are_compared_on_all_images_that_judged_them_and_others_on_the_validation_images():
    first = readout(0, 150, 0.9)
    assert gain(first, readout(1, 170, 0.1))[0] == pytest.approx(0.1), "whatever they say of the few validation images"
    assert replaces(first, readout(1, 170, 0.1))
    assert not replaces(first, readout(1, 151, 0.99)), "chance"
    network = trial(1, 190)
    assert gain(readout(0, 180, 0.9), network)[0] == pytest.approx(0.05), "as lucky on the validation images as on all"
    assert gain(network, readout(0, 180, 0.9))[0] == pytest.approx(-0.05)
    fewer = readout(1, 90, 0.95, images=100)
    assert gain(first, fewer)[0] == pytest.approx(0.05), "cross-validated on others: only the validation images are the same"


def test_a_trained_network_must_be_clearly_ahead_of_a_cross_validated_readout_whichever_comes_first():
    """28 validation images once put a network of 0.68 in the place of a readout of 0.92."""
    kept = readout(0, 150, 0.75)
    lucky, clear = trial(1, 153, mult_adds=10), trial(1, 160, mult_adds=10)
    assert gain(kept, lucky)[0] > gain(kept, lucky)[1], "more than one standard error"
    assert not replaces(kept, lucky)
    assert not replaces(kept, trial(1, 150, mult_adds=10)), "neither is it enough to be cheaper"
    assert replaces(kept, clear)
    assert replaces(lucky, kept), "the order of the trials does not decide"
    assert not replaces(clear, kept)
    rival, difference, noise = chance([kept, lucky], kept)
    assert (rival.number, difference < noise) == (1, True)


def test_luck_on_the_validation_images_that_two_kinds_of_trial_share_is_taken_off():
    """Two networks of equal skill err on the same hard images. Whichever images those are, the expected difference is none."""
    rng, adjusted, alone = np.random.default_rng(0), [], []
    for _ in range(400):
        hard = rng.random(1200) < 0.3
        here, there = (hard & (rng.random(1200) < 0.8) for _ in range(2))
        few = rng.permutation(1200)[:60]
        wrong = {
            "score": float(1 - here.mean()),
            "cross_right": packed(~here),
            "folds": 5,
            "val_score": float(1 - here[few].mean()),
            "right": packed(~here[few]),
        }
        crossed = dataclasses.replace(trial(0, 100), **wrong)
        other = dataclasses.replace(trial(1, 100), score=float(1 - there[few].mean()), right=packed(~there[few]))
        adjusted.append(gain(crossed, other))
        alone.append((1 - there[few].mean()) - (1 - here.mean()))
    differences, errors = np.array(adjusted).T
    assert abs(differences.mean()) < 3 * differences.std() / 20
    assert differences.std() < 0.9 * np.std(alone), "better known than from the scores alone"
    assert differences.std() == pytest.approx(errors.mean(), rel=0.25), "and its error is known"


def test_an_unlucky_readout_is_not_taken_for_a_bad_one():
    known = readout(0, 990, 0.95, images=1020)  # 0.97 of many images, and 0.95 of the few
    network = trial(1, 196)
    difference, error = gain(known, network)
    assert difference < 0.98 - 0.95
    assert difference > 0
    assert error < gain(trial(0, 190), network)[1] + 0.01
    assert gain(network, known) == (-difference, error)


def test_a_leaderboard_begins_with_the_best_and_goes_on_by_score():
    trials = [trial(0, 150), trial(1, 151), trial(2, 140), trial(3, 140, mult_adds=500), dataclasses.replace(trial(4, 190), state=State.PRUNED)]
    assert [row.number for row in ranked(trials, incumbent(trials))] == [0, 1, 3, 2, 4], "pruned ones come last"
    assert ranked([], None) == []


def test_the_trial_that_chance_may_have_put_ahead_is_named():
    best = trial(0, 150)
    rivals = [best, trial(1, 151), trial(2, 152), trial(3, 149), dataclasses.replace(trial(4, 190), stage=MAJORITY)]
    rival, difference, noise = chance(rivals, best)
    assert rival.number == 2
    assert difference == pytest.approx(0.01)
    assert noise > difference / 2
    assert chance([best, trial(3, 149)], best) is None


def test_of_two_rivals_that_are_equally_far_ahead_the_first_is_named():
    best = trial(0, 150)
    assert chance([best, trial(2, 151), trial(1, 151)], best)[0].number == 1
