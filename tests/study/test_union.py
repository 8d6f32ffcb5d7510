import random

import pytest

from automl_cnn import registry
from automl_cnn.errors import ConfigError, SpaceError
from automl_cnn.records import NetCost
from automl_cnn.study.plan.space import resolutions, smallest_inputs, study_space, worth_enlarging
from automl_cnn.study.plan.stages.sizing import Sizing
from automl_cnn.transfer import is_probe, mode_of, rate_of, weights_of

PLUGINS = registry.load()
LITE = {"efficientnet_lite": ("lite0", "lite1")}


def space(**given):
    plain = {"native": 200, "images": 700, "max_resolution": 224, "architectures": ("vgg", "efficientnet_lite")}
    return study_space(PLUGINS, **{**plain, **given})


def test_a_probe_has_nothing_else_to_choose_than_its_resolution_and_how_it_is_read():
    defaults = space(weights=LITE).defaults({"architecture": "efficientnet_lite"})
    read = {f"readout_{how}.efficientnet_lite" for how in ("sizes", "stages", "mirror")}
    assert set(defaults) == {"architecture", "pretrained.efficientnet_lite", "finetune.efficientnet_lite", "resolution", *read}
    assert [defaults[name] for name in sorted(read)] == [False, 1, 1], "the first probe is a plain one"
    tuned = space(weights=LITE).defaults({"architecture": "efficientnet_lite", "finetune.efficientnet_lite": "all"})
    assert not read & set(tuned)
    assert is_probe(defaults)
    assert weights_of(defaults) == "lite0"


def test_pretrained_weights_fix_the_form_of_the_network_and_leave_the_rest_free():
    defaults = space(weights=LITE).defaults({"architecture": "efficientnet_lite", "finetune.efficientnet_lite": "gradual"})
    assert "width" not in defaults
    assert "depth" not in defaults
    assert {"optimizer", "batch_size", "regularizer.augment", "finetune_rate.efficientnet_lite"} <= set(defaults)
    assert mode_of(defaults) == "gradual"
    assert rate_of(defaults) == pytest.approx(0.1)


def test_from_scratch_everything_is_free():
    defaults = space(weights=LITE).defaults({"architecture": "efficientnet_lite", "pretrained.efficientnet_lite": "none"})
    assert {"width", "depth", "optimizer"} <= set(defaults)
    assert not any(name.startswith("finetune") for name in defaults)
    assert weights_of(defaults) is mode_of(defaults) is None
    assert rate_of(defaults) == 1


def test_without_weights_no_parameter_speaks_of_them():
    assert not any(parameter.name.startswith(("pretrained", "finetune")) for parameter in space())


def test_pretrained_parameters_are_refused_where_they_have_no_effect():
    with pytest.raises(SpaceError, match=r"pretrained\.efficientnet_lite is 'lite0'"):
        space(weights=LITE).defaults({"architecture": "efficientnet_lite", "width": 0.5})


def test_every_configuration_that_is_drawn_is_one_of_the_space():
    whole, rng = space(weights=LITE), random.Random(0)
    for _ in range(200):
        drawn = whole.sample(rng)
        assert whole.check(drawn) == drawn


def test_small_images_are_enlarged_for_pretrained_networks_only():
    def sizes(**given):
        return space(native=32, **given)["resolution"].domain.options

    assert max(sizes()) == worth_enlarging(32, 224) == 32
    assert max(sizes(weights=LITE)) == 224
    assert max(sizes(weights=LITE, max_resolution=128)) == 128


def test_sizes_go_up_to_what_the_photos_hold():
    assert resolutions(100, 224, 16) == (32, 48, 64, 96, 128)
    assert resolutions(28, 224, 16) == (32,)
    with pytest.raises(ConfigError, match="at least 64 px"):
        resolutions(200, 32, 64)


def test_a_regularizer_that_does_not_suit_the_task_is_left_out_with_a_note_or_refused():
    notes = []
    whole = space(task="regression", note=notes.append)
    assert {"regularizer.mixup", "regularizer.augment"} <= {parameter.name for parameter in whole}
    assert not {parameter.name for parameter in whole if "label_smoothing" in parameter.name or "cutmix" in parameter.name}
    assert notes == ["Left out, since they do not suit the task regression: the regularizers 'cutmix', 'label_smoothing'."]
    with pytest.raises(ConfigError, match="--regularizers names 'label_smoothing', which does not suit the task regression"):
        space(task="regression", regularizers=("label_smoothing", "l2"))
    assert "regularizer.l2" in space(task="regression", regularizers=("l2",), note=notes.append)
    assert len(notes) == 1


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_every_built_in_regularizer_suits_classes_and_labels(task):
    notes = []
    switches = {parameter.name for parameter in space(task=task, note=notes.append) if parameter.name.startswith("regularizer.")}
    assert switches == {f"regularizer.{name}" for name in PLUGINS.names("regularizer")}
    assert not notes


PLUGIN = """
from automl_cnn.plugin import Architecture


class Demanding(Architecture):
    \"\"\"Takes no small images.\"\"\"

    name = "demanding"
    min_size = {least}

    def features(self, inputs, net):
        return net.conv(inputs, 8, 3)
"""


def with_a_demanding_plugin(folder, least):
    (folder / "demanding.py").write_text(PLUGIN.format(least=least))
    return registry.load(folder)


def test_one_plugin_that_takes_no_small_images_removes_them_for_no_other(tmp_path):
    names = ("vgg", "demanding")
    made = with_a_demanding_plugin(tmp_path, 128)
    whole = study_space(made, native=64, images=700, max_resolution=224, architectures=names)
    assert whole["resolution"].domain.options == (32, 48, 64, 128)
    sizing = Sizing(whole, lambda configuration: NetCost(1, 1, 1), 700, 64, least=smallest_inputs(made, names))
    assert sizing.resolutions({"architecture": "vgg"}) == (32, 48, 64)
    assert sizing.resolutions({"architecture": "demanding"}) == (128,), "enlarged, since it takes nothing else"
    assert sizing.small({"architecture": "demanding"})["resolution"] == 128
    proposed = whole.defaults({"architecture": "demanding", "resolution": 32})
    assert sizing.shrunk(proposed, (), None)["resolution"] == 128


def test_a_plugin_that_needs_more_than_the_largest_input_is_left_out_with_a_note(tmp_path):
    notes, made = [], with_a_demanding_plugin(tmp_path, 299)
    whole = study_space(made, native=400, images=700, max_resolution=224, note=notes.append)
    assert "demanding" not in whole["architecture"].domain.options
    assert "vgg" in whole["architecture"].domain.options
    assert notes == ["The architecture 'demanding' is left out: it needs images of 299 px, and max_resolution is 224. Raise --max-resolution to use it."]
    with pytest.raises(ConfigError, match="needs at least 299 px"):
        study_space(made, native=400, images=700, max_resolution=224, architectures=("demanding",))
