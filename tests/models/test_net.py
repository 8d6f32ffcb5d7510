import pytest

from automl_cnn.errors import PluginError
from automl_cnn.models.net import BuildNet


def net(**given):
    return BuildNet(**{"input_size": 32, "classes": 2, **given})


@pytest.mark.parametrize(
    ("multiplier", "channels", "expected"), [(1.0, 20, 20), (1.1, 32, 32), (1.2, 32, 40), (1.4, 16, 24), (0.25, 16, 8), (0.5, 24, 16), (2.0, 320, 640)]
)
def test_width_rounds_as_efficientnet_does(multiplier, channels, expected):
    assert net(width=multiplier).width(channels) == expected


@pytest.mark.parametrize(("multiplier", "repeats", "expected"), [(1.0, 3, 3), (1.1, 2, 3), (1.1, 10, 11), (3.1, 1, 4), (0.5, 1, 1)])
def test_depth_rounds_up(multiplier, repeats, expected):
    assert net(depth=multiplier).depth(repeats) == expected


@pytest.mark.parametrize(("size", "strides"), [(63, (1, 1)), (64, (2, 1)), (127, (2, 1)), (128, (2, 2))])
def test_early_strides_wait_for_large_images(size, strides):
    assert tuple(net(input_size=size).early_stride(index) for index in (0, 1)) == strides


def test_there_is_no_third_early_stride():
    with pytest.raises(PluginError, match="early_stride"):
        net().early_stride(2)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"depth": -1.0}, {"classes": 0}, {"width": float("nan")}])
def test_a_multiplier_must_be_above_zero(wrong):
    with pytest.raises(PluginError, match="above zero"):
        net(**wrong)
