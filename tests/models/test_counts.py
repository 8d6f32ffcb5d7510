"""The papers' own figures, to the parameter: 1000 classes at 224 px."""

import pytest

from automl_cnn import registry
from automl_cnn.models.build import from_configuration
from automl_cnn.models.cost import cost
from automl_cnn.models.estimate import estimate

PLAIN = {"vgg.norm": False, "vgg.classifier": "dense"}
MOBILE = {"architecture": "mobilenet_v2"}
PUBLISHED = [
    ({"architecture": "vgg", "vgg.variant": "A", **PLAIN}, 132_863_336, 7609),
    ({"architecture": "vgg", "vgg.variant": "B", **PLAIN}, 133_047_848, 11308),
    ({"architecture": "vgg", "vgg.variant": "D", **PLAIN}, 138_357_544, 15470),
    ({"architecture": "vgg", "vgg.variant": "E", **PLAIN}, 143_667_240, 19632),
    ({"architecture": "resnet", "resnet.variant": 18}, 11_689_512, 1814),
    ({"architecture": "resnet", "resnet.variant": 34}, 21_797_672, 3664),
    ({"architecture": "resnet", "resnet.variant": 50}, 25_557_032, 4089),
    (MOBILE, 3_504_872, 300.8),
    ({**MOBILE, "width": 1.4}, 6_108_776, 582),
]


@pytest.fixture(scope="module")
def plugins():
    return registry.load()


def price(configuration, plugins, classes=1000, channels=3, resolution=224):
    return estimate({"resolution": resolution, **configuration}, plugins, classes=classes, channels=channels)


@pytest.mark.parametrize(("configuration", "params", "millions"), PUBLISHED, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_published_parameters_and_mult_adds(plugins, configuration, params, millions):
    paid = price(configuration, plugins)
    assert paid.params == params
    assert paid.mult_adds / 1e6 == pytest.approx(millions, rel=5e-4)


def test_mobilenet_keeps_its_last_1280_channels_below_width_1(plugins):
    def last(width):
        return price({**MOBILE, "width": width}, plugins).layers[-3].shape

    assert last(0.5) == last(1.0) == (1280,)
    assert last(1.4) == (1792,)


def test_the_plain_net_lacks_only_the_projections(plugins):
    residual, plain = (price({"architecture": "resnet", "resnet.shortcut": shortcut}, plugins) for shortcut in (True, False))
    projections = sum(2 * c * c + 2 * 2 * c for c in (64, 128, 256))  # 1x1 from c to 2c, and a norm
    assert residual.params - plain.params == projections


def test_multipliers_move_the_cost_as_compound_scaling_says(plugins):
    base = {"architecture": "resnet", "resnet.variant": 34}
    one = price(base, plugins).mult_adds
    assert price({**base, "width": 2.0}, plugins).mult_adds / one == pytest.approx(4, rel=0.1)
    assert price({**base, "depth": 2.0}, plugins).mult_adds / one == pytest.approx(2, rel=0.1)
    assert price(base, plugins, resolution=448).mult_adds / one == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("name", ["efficientnet", "efficientnet_lite", "mobilenet", "mobilenet_v2", "resnet", "senet", "vgg"])
@pytest.mark.parametrize(("size", "side"), [(16, 2), (24, 3), (32, 4), (48, 6), (64, 4), (96, 6), (128, 4), (224, 7)])
def test_the_last_map_is_neither_a_pixel_nor_a_field(plugins, name, size, side):
    paid = price({"architecture": name, "width": 0.25}, plugins, classes=3, channels=1, resolution=size)
    assert [layer.shape for layer in paid.layers if len(layer.shape) == 3][-1][:2] == (side, side)


def test_an_estimate_is_what_the_built_model_costs(plugins):
    configuration = {
        "architecture": "mobilenet_v2",
        "resolution": 16,
        "width": 0.25,
        "regularizer.dropout": True,
        "regularizer.spatial_dropout": True,
        "regularizer.l2": True,
    }
    estimated = estimate(configuration, plugins, classes=3, channels=1)
    built = cost(from_configuration(configuration, plugins, classes=3, channels=1, seed=0))
    assert (estimated.params, estimated.mult_adds) == (built.params, built.mult_adds)
