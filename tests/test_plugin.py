import numpy as np
import pytest

from automl_cnn.errors import PluginError, SpaceError
from automl_cnn.plugin import Choice, Inputs, Int, Optimizer


class Plan(Optimizer):
    """Nothing but a space."""

    name = "plan"
    steps = Int(1, 9, default=3)
    kind_of = Choice("a", "b")

    def build(self, steps):
        return None


def test_an_instance_is_one_point_of_its_space_and_stays_there():
    plan = Plan(steps=4)
    assert (plan.values, repr(plan)) == ({"steps": 4, "kind_of": "a"}, "Plan(steps=4, kind_of='a')")
    with pytest.raises(PluginError, match=r"Make another: Plan\(steps=9\)"):
        plan.steps = 9
    assert plan.steps == 4
    with pytest.raises(SpaceError, match="1 to 9"):
        Plan(steps=10)


@pytest.mark.parametrize(
    ("inputs", "black", "white"),
    [
        (Inputs(), (-1, -1, -1), (1, 1, 1)),
        (Inputs.torch(), (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225), (0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225)),
        (Inputs.caffe(), (-123.68, -116.779, -103.939), (131.32, 138.221, 151.061)),
    ],
    ids=["symmetric", "torch", "caffe"],
)
def test_pixels_are_scaled_as_the_weights_expect(inputs, black, white):
    for pixel, expected in ((0, black), (255, white)):
        np.testing.assert_allclose(pixel * np.array(inputs.scale) + np.array(inputs.offset), expected, rtol=1e-6)


def test_a_plain_value_in_a_subclass_fixes_what_was_searched():
    class Fixed(Plan):
        """One that takes five steps."""

        name = "fixed_plan"
        steps = 5

    fixed = Fixed(kind_of="b")
    assert (fixed.steps, fixed.values) == (5, {"kind_of": "b"})
    assert list(Fixed.domains()) == ["kind_of"]
    assert list(Plan.domains()) == ["steps", "kind_of"]
    with pytest.raises(SpaceError, match="no parameter 'steps'"):
        Fixed(steps=4)

    class Again(Fixed):
        """One whose steps are searched once more."""

        name = "again_plan"
        steps = Int(2, 3, default=2)

    assert Again().steps == 2


def test_a_parameter_that_is_declared_again_keeps_its_place():
    from automl_cnn.blocks import ScheduledOptimizer
    from automl_cnn.plugin import Float

    class Mine(ScheduledOptimizer):
        learning_rate = Float(0.1, 1.0)
        momentum = Float(0.0, 0.9)

    assert list(Mine.domains()) == ["learning_rate", "schedule", "warm_up", "momentum"]
    assert Mine.domains()["learning_rate"].low == 0.1
