import dataclasses

import pytest
from diagnosis_fakes import KNOWN, PLAIN, SPACE, good, underfitted

from automl_cnn.diagnosis import diagnose
from automl_cnn.diagnosis.actions import ANSWERS, changed, changes, words, words_for_readout
from automl_cnn.records import Finding


def asked(kind, configuration=PLAIN):
    return changes(Finding(kind, "high", "", {}), configuration, SPACE)


def difference(configuration, other):
    return {name for name in {*configuration, *other} if configuration.get(name) != other.get(name)}


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_change_lies_in_the_space_and_is_one_change(kind):
    given = SPACE.defaults({"regularizer.dropout": True, "adam.learning_rate": 1e-3})
    for change in asked(kind, given):
        assert SPACE.check(change.configuration) == change.configuration
        own = difference(given, change.configuration)
        heads = {name for name in own if SPACE[name].active(given) and SPACE[name].active(change.configuration)}
        assert len(heads) <= 1, change  # what appears or disappears with it aside
        assert own or change.epochs > 1


def test_overfitting_is_answered_by_augmentation_first_and_a_smaller_network_later():
    actions = [change.action for change in asked("overfitting")]
    assert actions[0] == "augment on"
    assert actions.index("l2 on") < actions.index("narrower")
    assert asked("overfitting")[0].configuration["augment.shift"] == 0.1


def test_what_is_on_is_made_stronger_within_its_range():
    given = SPACE.defaults({"regularizer.dropout": True, "dropout.rate": 0.7, "regularizer.l2": True, "l2.strength": 5e-3})
    changes = {change.action: change.configuration for change in asked("overfitting", given)}
    assert changes["dropout stronger"]["dropout.rate"] == 0.8
    assert changes["l2 stronger"]["l2.strength"] == 1e-2
    assert "dropout on" not in changes


def test_underfitting_is_answered_by_capacity_and_less_regularization():
    given = SPACE.defaults({"regularizer.dropout": True})
    changes = {change.action: change.configuration for change in asked("underfitting", given)}
    assert (changes["wider"]["width"], changes["deeper"]["depth"], changes["higher resolution"]["resolution"]) == (1.4, 1.4, 64)
    assert "dropout.rate" not in changes["dropout off"]
    assert changes["rate up"]["adam.learning_rate"] == pytest.approx(6e-3)


def test_at_the_edge_of_the_space_there_is_no_such_change():
    edge = SPACE.defaults({"width": 1.4, "adam.learning_rate": 3e-2})
    actions = [change.action for change in asked("underfitting", edge)]
    assert not {"wider", "rate up"} & {*actions}


def test_what_only_the_user_can_do_is_said_and_not_tried():
    assert asked("leak") == []
    assert words("leak") == ("a split without copies",)
    assert "more images" in words("overfitting")


def test_a_value_outside_the_space_is_refused():
    assert changed(PLAIN, SPACE, {"width": 3.0}) is None
    assert changed(PLAIN, SPACE, {"width": 1.0}) is None
    assert changed(PLAIN, SPACE, {"nowhere": 1}) is None


PROBE = {"architecture": "resnet", "pretrained.resnet": "imagenet", "finetune.resnet": "probe", "resolution": 96}


def test_a_readout_is_not_advised_to_change_what_it_does_not_have():
    """A frozen network with a logistic regression has no width, rate or regularizer of its own."""
    for made in (good(), underfitted()):
        (finding, *_) = diagnose(dataclasses.replace(made, configuration=PROBE), KNOWN)
        assert finding.kind in ("good_fit", "underfitting")
        assert finding.actions[:3] == ("a higher resolution", "features of more stages and sizes", "fine-tuned layers")
        assert not {"a wider network", "a deeper network", "a higher learning rate", "label smoothing"} & set(finding.actions)
    assert words_for_readout("leak") == words("leak") == ("a split without copies",)
    assert words_for_readout("noisy_validation") == ("more validation images",), "averaged weights need a training"
