"""The conformance kit: it names the rule that a plugin breaks, and finds nothing where none is broken."""

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from automl_cnn import blocks, registry, testing
from automl_cnn.errors import PluginError
from automl_cnn.plugin import Architecture, Choice, Int, Optimizer, Pretrained, Regularizer, keras
from automl_cnn.testing import Broken, Report, Result, check_plugin, checks_of, parametrize_with_checks

BAD = sorted((Path(__file__).parent / "bad_plugins").glob("*.py"))
PAGES = Path(__file__).parent.parent / "docs" / "plugins"


def loaded(path: Path):
    module = registry._import(path)
    (plugin,) = registry._plugins_in(module)
    return module, plugin


def put(plugin, name):
    """What the check of that name says of the plugin: "" or its message."""
    (check,) = (one for one in checks_of(plugin) if one.name == name)
    try:
        check()
    except Broken as error:
        return str(error)
    return ""


class Sound(Architecture):
    """Convolutions and a pooling. Choose it in tests."""

    name = "sound"
    min_size = 8
    kernel = Choice(3, 1)

    def features(self, x, net):
        for _ in range(net.depth(2)):
            x = blocks.conv(x, net.width(32), self.kernel, net=net)
        return net.after_block(blocks.max_pool(x, 2))


class SoundRegularizer(Regularizer):
    """Darkens. Choose it in tests."""

    name = "sound_regularizer"

    def augment(self, images, labels, rng):
        return (images * rng.uniform(0.5, 1)).astype(images.dtype), labels


class SoundOptimizer(Optimizer):
    """Plain gradient descent. Choose it in tests."""

    name = "sound_optimizer"

    def build(self, steps):
        return keras.optimizers.SGD(0.1)


def test_the_public_names_are_pinned():
    assert testing.__all__ == ["Broken", "Check", "Report", "Result", "check_plugin", "checks_of", "parametrize_with_checks"]
    assert {"name", "rule", "run", "plugin", "after"} == set(testing.Check.__dataclass_fields__)
    assert set(Result.__dataclass_fields__) == {"name", "rule", "outcome", "message", "seconds"}


def test_importing_the_kit_and_listing_its_checks_import_no_keras():
    code = (
        "import sys\nfrom automl_cnn import registry, testing\n"
        "names = [check.name for kind in registry.load().entries.values() for entry in kind.values() for check in testing.checks_of(entry.plugin)]\n"
        "print(len(names) > 50, [name for name in ('keras', 'tensorflow', 'pytest') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


@parametrize_with_checks([Sound, SoundOptimizer, SoundRegularizer])
def test_a_sound_plugin_keeps_every_rule(check):
    check()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_plugin_is_told_the_one_rule_that_it_breaks(path):
    module, plugin = loaded(path)
    report = check_plugin(plugin)
    assert [result.name for result in report.failed] == [module.BROKEN], str(report)
    (result,) = report.failed
    assert re.match(rf"{module.BROKEN}: Found .*\. Expected .*\. \S.*\.$", result.message)
    assert result.message.isprintable()  # one line, without Keras's colours
    waiting = {check.name for check in checks_of(plugin) if module.BROKEN in check.after}
    assert {one.name for one in report.results if one.outcome == "not checked"} == waiting


def test_there_are_bad_plugins_of_every_kind():
    assert len(BAD) >= 10
    assert {loaded(path)[1].kind for path in BAD} == {"architecture", "optimizer", "regularizer"}


@pytest.mark.parametrize(("page", "name"), [("architecture", "TinyNet"), ("optimizer", "HeavyBall"), ("regularizer", "Noise")])
def test_the_example_of_each_page_keeps_every_rule(page, name, tmp_path):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    source = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if f"class {name}" in block)
    (tmp_path / "example.py").write_text(source)
    report = check_plugin(loaded(tmp_path / "example.py")[1])
    assert report.passed, str(report)


def test_every_check_has_a_name_of_its_own_a_sentence_and_waits_only_for_earlier_ones():
    for plugin in (Sound, SoundOptimizer, SoundRegularizer):
        checks = checks_of(plugin)
        names = [check.name for check in checks]
        assert len(set(names)) == len(names)
        for index, check in enumerate(checks):
            assert check.rule.endswith(".")
            assert check.rule[0].isupper() or check.rule.startswith("`")
            assert set(check.after) <= set(names[:index])


def test_the_ids_name_plugin_and_rule():
    mark = parametrize_with_checks([Sound])
    assert "sound-every_kernel_is_penalized" in [param.id for param in mark.args[1]]


def test_what_is_no_plugin_class_is_refused():
    for wrong in (Sound(), int, "sound"):
        with pytest.raises(PluginError, match="expected a subclass of Architecture"):
            checks_of(wrong)


def test_a_report_lists_what_failed():
    bad = Result("a_rule", "A sentence.", "failed", "a_rule: Found this.", 1.0)
    report = Report(Sound, (Result("fine", "Fine.", "passed", "", 0.5), bad))
    assert (report.passed, report.failed, report.seconds) == (False, (bad,), 1.5)
    assert str(report) == "sound: 2 checks in 1.5 s, 1 failed\n  a_rule: Found this."


def test_a_default_that_does_not_build_fails_once():
    class Nothing(Architecture):
        """Returns nothing. Choose it in tests."""

        name = "nothing"

        def features(self, x, net):
            pass

    report = check_plugin(Nothing)
    assert [result.name for result in report.failed] == ["builds_its_default"]
    assert "Is a return missing?" in report.failed[0].message


def test_weights_that_no_gradient_reaches_are_named():
    class Stopped(Sound):
        """Stops the gradient. Choose it in tests."""

        name = "stopped"

        def features(self, x, net):
            return keras.ops.stop_gradient(super().features(x, net))

    assert "Gradients do not exist for variables" in put(Stopped, "one_step_of_training_reaches_every_weight")


def test_auxiliary_classifiers_are_trained_and_not_kept():
    class Helped(Sound):
        """With a second classifier. Choose it in tests."""

        name = "helped"

        def features(self, x, net):
            x = super().features(x, net)
            net.auxiliary(blocks.global_average_pool(x))
            return x

    report = check_plugin(Helped)
    assert report.passed, str(report)


def test_a_size_that_is_put_in_by_hand_is_found():
    class Fixed(Sound):
        """Pools to 4x4 at once. Choose it in tests."""

        name = "fixed"

        def features(self, x, net):
            x = blocks.avg_pool(x, x.shape[1] // 4)
            for _ in range(net.depth(2)):
                x = blocks.conv(x, net.width(32), 3, net=net)
            return x

    assert "a power of 0.00" in put(Fixed, "the_resolution_counts")


def test_a_constructor_that_swallows_values_is_found():
    class Lenient(Sound):
        """Takes anything. Choose it in tests."""

        name = "lenient"

        def __init__(self, **values):
            super().__init__(**{key: value for key, value in values.items() if key in self.domains() and self.domains()[key].contains(value)})

    assert "is accepted" in put(Lenient, "refuses_what_its_space_does_not_hold")


def test_an_instance_that_changes_while_it_is_used_is_found():
    class Counting(Sound):
        """Counts down. Choose it in tests."""

        name = "counting"
        left = Int(1, 5, default=3)

        def features(self, x, net):
            vars(self)["left"] = self.left - 1
            return super().features(x, net)

    assert "{'kernel': 3, 'left': 2} after use" in put(Counting, "an_instance_is_one_point_and_stays_it")


def test_a_parameter_that_hides_a_method_is_found():
    class Hiding(Regularizer):
        """Calls a parameter like a hook. Choose it in tests."""

        name = "hiding"
        stop = Int(1, 5)

    assert "a parameter called 'stop'" in put(Hiding, "declares_a_space_that_holds_its_defaults_and_edges")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Pretrained("a", "https://example.org/a.h5"), "package:NAME/FILE or keras:FUNCTION"),
        (Pretrained("a", "keras:VGG16", point={"kernel": 7}), "a point of 'a' outside the space"),
        (Pretrained("a", "keras:VGG16", size=4), "at least min_size"),
    ],
    ids=["source", "point", "size"],
)
def test_wrong_pretrained_weights_are_told(entry, message):
    wrong = type("Wrong", (Sound,), {"name": "wrong", "pretrained": (entry,)})
    assert message in put(wrong, "its_pretrained_weights_are_points_of_its_space")


def test_a_plugin_of_several_files_is_no_drop_in(tmp_path, monkeypatch):
    (tmp_path / "helpers_of_parted.py").write_text("CHANNELS = 8\n")
    (tmp_path / "parted.py").write_text(
        "import helpers_of_parted\nfrom automl_cnn.plugin import Regularizer\n\n\nclass Parted(Regularizer):\n"
        '    """In two files. Choose it in tests."""\n\n    name = "parted"\n\n    def stop(self, epochs):\n        return False\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    _, plugin = loaded(tmp_path / "parted.py")
    monkeypatch.undo()
    sys.modules.pop("helpers_of_parted")
    assert "No module named 'helpers_of_parted'" in put(plugin, "is_found_by_name")


def test_a_drop_in_that_takes_an_installed_plugins_name_is_told(tmp_path):
    (tmp_path / "other.py").write_text(
        'from automl_cnn.plugin import Regularizer\n\n\nclass Other(Regularizer):\n    """Another. Choose it in tests."""\n\n    name = "dropout"\n'
    )
    message = put(loaded(tmp_path / "other.py")[1], "is_found_by_name")
    assert "its name is taken: Two regularizer plugins are named 'dropout': one from automl-cnn, one from other.py." in message


def test_an_installed_plugin_may_be_checked_by_its_file():
    dropout = registry.load().get("regularizer", "dropout")
    again = loaded(Path(inspect.getfile(dropout)))[1]
    assert again is not dropout
    assert put(again, "is_found_by_name") == ""


def test_an_entry_point_of_another_name_is_told(monkeypatch):
    point = importlib.metadata.EntryPoint("loud", f"{Sound.__module__}:Sound", "automl_cnn.architectures")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group=None: (point,) if group else importlib.metadata.EntryPoints())
    assert "the entry point 'loud' of a plugin called 'sound'" in put(Sound, "is_found_by_name")


@pytest.mark.parametrize(
    ("hook", "made", "rule", "message"),
    [
        ("penalty", lambda self: "l2", "its_penalty_is_a_number", "str from"),
        ("block", lambda self, x: keras.layers.GlobalAveragePooling2D()(x), "its_layers_act_in_training_only", "a tensor of the same shape"),
        ("branch", lambda self, x: keras.layers.Rescaling(2.0)(x), "its_layers_act_in_training_only", "changes values"),
        ("augment", lambda self, images, labels, rng: (images, labels / 2), "its_labels_fit_every_task_it_is_for", "sum to 1"),
        ("targets", lambda self, labels, task: labels / labels.sum(1, keepdims=True), "its_labels_fit_every_task_it_is_for", "task multilabel"),
        ("targets", lambda self, labels, task: labels * 0.9 + 0.05, "its_labels_fit_every_task_it_is_for", "sum to 1"),
        ("targets", lambda self, labels, task: labels[:, :1], "its_labels_fit_every_task_it_is_for", "Keep the form"),
        ("targets", lambda self, labels, task: labels - (task == "regression"), "its_labels_fit_every_task_it_is_for", "6.5 from"),
        ("augment", lambda self, images, labels, rng: (images[:1], labels), "its_augmentation_keeps_the_form", "Keep the form"),
        ("augment", lambda self, images, labels, rng: (images.astype(np.float32) * 2, labels), "its_augmentation_keeps_the_form", "0..255"),
        ("optimizer", lambda self, optimizer: None, "it_returns_optimizers_callbacks_and_a_verdict", "NoneType"),
        ("callbacks", lambda self: [print], "it_returns_optimizers_callbacks_and_a_verdict", "keras.callbacks.Callback"),
        ("stop", lambda self, epochs: epochs and epochs[-1].loss > 2, "it_returns_optimizers_callbacks_and_a_verdict", "after no epoch"),
        ("stop", lambda self, epochs: epochs[-1].loss > 2, "it_returns_optimizers_callbacks_and_a_verdict", "IndexError"),
        ("pemalty", lambda self: None, "overrides_a_hook", "no hook of its own"),
    ],
)
def test_a_hook_that_returns_the_wrong_thing_is_told(hook, made, rule, message):
    plugin = type("Wrong", (Regularizer,), {"name": "wrong", "__doc__": "Wrong. Choose it in tests.", hook: made})
    assert message in put(plugin, rule)


@pytest.mark.parametrize("tasks", ["multiclass", (), ("multi-label",)])
def test_a_task_that_there_is_not_is_named(tasks):
    plugin = type("Wrong", (SoundRegularizer,), {"name": "wrong", "__doc__": "Wrong. Choose it in tests.", "tasks": tasks})
    assert f"tasks = {tasks!r}" in put(plugin, "it_names_tasks_that_there_are")


def test_labels_are_checked_for_the_tasks_that_a_plugin_is_for_and_no_other():
    def halves(self, labels, task):
        return labels / 2

    only = {"name": "halving", "__doc__": "Halves. Choose it in tests.", "targets": halves}
    every = type("Halving", (Regularizer,), only)
    assert "task multiclass" in put(every, "its_labels_fit_every_task_it_is_for")
    assert put(type("Halving", (Regularizer,), {**only, "tasks": ("multilabel",)}), "its_labels_fit_every_task_it_is_for") == ""


def test_an_augmentation_with_a_generator_of_its_own_is_told():
    rng = np.random.default_rng()

    class Own(Regularizer):
        """Draws elsewhere. Choose it in tests."""

        name = "own"

        def augment(self, images, labels, _):
            return rng.permutation(images.ravel()).reshape(images.shape), labels

    assert "with a generator of the same seed" in put(Own, "its_augmentation_keeps_the_form")


@pytest.mark.parametrize(
    ("made", "rule", "message"),
    [
        (lambda self, steps: "sgd", "builds_a_keras_optimizer", "str from"),
        (lambda self, steps: keras.optimizers.SGD(0.0), "its_steps_move_the_weights", "finite weights that moved"),
        (lambda self, steps: keras.optimizers.SGD(1e30), "its_steps_move_the_weights", "finite weights that moved"),
        (lambda self, steps: keras.optimizers.SGD(1 / (steps - 1)), "builds_a_keras_optimizer", "ZeroDivisionError"),
    ],
)
def test_an_optimizer_that_is_none_is_told(made, rule, message):
    plugin = type("Wrong", (Optimizer,), {"name": "wrong", "__doc__": "Wrong. Choose it in tests.", "build": made})
    assert message in put(plugin, rule)


def test_a_layer_that_forgets_its_arguments_is_told():
    @keras.saving.register_keras_serializable(package="automl_cnn_tests")
    class Times(keras.layers.Layer):
        def __init__(self, factor=1.0, **given):
            super().__init__(**given)
            self.factor = factor

        def call(self, x):
            return self.factor * x

        def get_config(self):
            return {"name": self.name}

    class Forgetful(Sound):
        """Multiplies by what is not saved. Choose it in tests."""

        name = "forgetful"

        def features(self, x, net):
            return Times(3.0)(super().features(x, net))

    assert put(Forgetful, "holds_only_layers_that_can_be_loaded") == ""
    assert "predictions that differ by" in put(Forgetful, "survives_saving")


def test_an_optimizer_that_forgets_its_arguments_is_told():
    class Doubled(keras.optimizers.SGD):
        def __init__(self, learning_rate=0.1, factor=1.0, **given):
            super().__init__(learning_rate * factor, **given)

        def get_config(self):
            return {**super().get_config(), "factor": 2.0}

    def build(self, steps):
        return Doubled(0.1, 2.0)

    plugin = type("Forgetful", (Optimizer,), {"name": "forgetful", "__doc__": "Forgets. Choose it in tests.", "build": build})
    assert "learning_rate of forgetful() changes" in put(plugin, "survives_its_own_description")


def test_a_penalty_that_cannot_be_loaded_is_told():
    class Own(keras.regularizers.Regularizer):
        def __call__(self, kernel):
            return keras.ops.sum(keras.ops.abs(kernel))

        def get_config(self):
            return {}

    plugin = type("Locked", (Regularizer,), {"name": "locked", "__doc__": "L1 again. Choose it in tests.", "penalty": lambda self: Own()})
    assert put(plugin, "its_penalty_is_a_number") == ""
    assert "Own (unregistered) in the network" in put(plugin, "works_in_a_network_that_can_be_saved")
