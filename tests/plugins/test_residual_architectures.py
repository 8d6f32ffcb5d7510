"""ResNet, the MobileNets, SENet and the EfficientNets: the papers' figures, and the order in which published weights come."""

import keras
import numpy as np
import pytest

from automl_cnn import blocks, registry
from automl_cnn.models.build import build
from automl_cnn.models.estimate import estimate
from automl_cnn.models.net import BuildNet
from automl_cnn.plugin import Regularizer

MINE = ("efficientnet", "efficientnet_lite", "mobilenet", "mobilenet_v2", "resnet", "senet")
COSTS = [  # architecture, its parameters, pixels, classes, parameters, M mult-adds
    ("resnet", {"variant": 101}, 224, 1000, 44_549_160, 7801),
    ("resnet", {"variant": 152}, 224, 1000, 60_192_808, 11514),
    ("resnet", {"variant": 50, "downsample": "1x1"}, 224, 1000, 25_557_032, 3858),
    ("resnet", {"variant": 50, "downsample": "1x1", "squeeze_ratio": 16}, 224, 1000, 28_088_024, 3860.5),
    ("resnet", {"variant": 20}, 32, 10, 269_722, 40.55),
    ("resnet", {"variant": 32}, 32, 10, 464_154, 68.86),
    ("resnet", {"variant": 44}, 32, 10, 658_586, 97.17),
    ("resnet", {"variant": 56}, 32, 10, 853_018, 125.5),
    ("resnet", {"variant": 110}, 32, 10, 1_727_962, 252.9),
    ("mobilenet", {}, 224, 1000, 4_231_976, 568.7),
    ("mobilenet", {}, 192, 1000, 4_231_976, 418.1),
    ("mobilenet", {}, 160, 1000, 4_231_976, 290.7),
    ("mobilenet", {}, 128, 1000, 4_231_976, 186.4),
    ("senet", {"trunk": "resnet50"}, 224, 1000, 28_088_024, 3860.5),
    ("senet", {"trunk": "mobilenet"}, 224, 1000, 4_718_044, 569.2),
]
SCALED = [  # architecture, width, depth, pixels, parameters, M mult-adds
    ("mobilenet", 0.75, 1.0, 224, 2_585_560, 325.4),
    ("mobilenet", 0.5, 1.0, 224, 1_331_592, 149.5),
    ("mobilenet", 0.25, 1.0, 224, 470_072, 41.0),
    ("efficientnet", 1.0, 1.0, 224, 5_288_548, 386),
    ("efficientnet", 1.0, 1.1, 240, 7_794_184, 687),
    ("efficientnet", 1.1, 1.2, 260, 9_109_994, 994),
    ("efficientnet", 1.2, 1.4, 300, 12_233_232, 1827),
    ("efficientnet", 1.4, 1.8, 380, 19_341_616, 4394),
    ("efficientnet", 1.6, 2.2, 456, 30_389_784, 10266),
    ("efficientnet", 1.8, 2.6, 528, 43_040_704, 19068),
    ("efficientnet", 2.0, 3.1, 600, 66_347_960, 37746),
    ("efficientnet_lite", 1.0, 1.0, 224, 4_652_008, 385.2),
    ("efficientnet_lite", 1.0, 1.1, 240, 5_416_680, 600.2),
    ("efficientnet_lite", 1.1, 1.2, 260, 6_092_072, 859.7),
]


class Everywhere(Regularizer):
    """Leaves a mark wherever a network lets a regularizer in."""

    name = "everywhere"

    def penalty(self):
        return keras.regularizers.L2(1e-4)

    def block(self, x):
        return keras.layers.Dropout(0.1)(x)

    def branch(self, x):
        return keras.layers.SpatialDropout2D(0.1)(x)


@pytest.fixture(scope="module")
def plugins():
    return registry.load()


def price(plugins, name, values=None, *, size=224, classes=1000, **scale):
    point = {f"{name}.{key}": value for key, value in (values or {}).items()}
    return estimate({"architecture": name, "resolution": size, **point, **scale}, plugins, classes=classes, channels=3)


def unweighted(make):
    """What `make` returns, made without allocating a weight."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            return make()
    finally:
        keras.backend.clear_session()


def small_net(**given):
    return BuildNet(input_size=32, classes=2, **given)


def kernels(model, biased=True):
    """Shapes of the convolutions' kernels and the batch norms' scales, in the model's order of layers."""
    shapes = []
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)) and (biased or not layer.use_bias):
            shapes.append((type(layer).__name__, tuple(layer.kernel.shape)))
        elif isinstance(layer, keras.layers.BatchNormalization):
            shapes.append((type(layer).__name__, tuple(layer.gamma.shape)))
    return shapes


@pytest.mark.parametrize(("name", "values", "size", "classes", "params", "millions"), COSTS)
def test_the_papers_networks_to_the_parameter(plugins, name, values, size, classes, params, millions):
    paid = price(plugins, name, values, size=size, classes=classes)
    assert paid.params == params
    assert paid.mult_adds / 1e6 == pytest.approx(millions, rel=5e-4)


@pytest.mark.parametrize(("name", "width", "depth", "size", "params", "millions"), SCALED)
def test_the_multipliers_alone_give_the_scaled_networks(plugins, name, width, depth, size, params, millions):
    paid = price(plugins, name, size=size, width=width, depth=depth)
    assert paid.params == params
    assert paid.mult_adds / 1e6 == pytest.approx(millions, rel=2e-3)


@pytest.mark.parametrize(("name", "values"), [("efficientnet_lite", {}), ("resnet", {"variant": 20})])
def test_width_moves_the_cost_by_its_square_and_depth_by_itself(plugins, name, values):
    one = price(plugins, name, values).mult_adds
    assert 3.5 < price(plugins, name, values, width=2.0).mult_adds / one < 4.1
    assert 1.7 < price(plugins, name, values, depth=2.0).mult_adds / one < 2.3


@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_squeeze_excitation_costs_its_two_layers(plugins, name):
    channels = {"resnet": [64] * 2 + [128] * 2 + [256] * 2 + [512] * 2, "mobilenet": [64] + [128] * 2 + [256] * 2 + [512] * 6 + [1024] * 2}[name]
    plain, squeezed = (price(plugins, name, {"squeeze_ratio": ratio}) for ratio in (0, 8))
    assert squeezed.params - plain.params == sum(2 * c * (c // 8) + c // 8 + c for c in channels)
    assert squeezed.mult_adds - plain.mult_adds == sum(2 * c * (c // 8) for c in channels)


def test_senet_is_its_trunk_with_the_switch_on(plugins):
    assert price(plugins, "senet", {"trunk": "resnet18", "ratio": 4}).params == price(plugins, "resnet", {"squeeze_ratio": 4}).params


def test_se_inception_is_googlenet_with_norms_and_squeezed_modules(plugins):
    modules = (256, 480, 512, 512, 512, 528, 832, 832, 1024)
    squeezes = sum(2 * c * (c // 16) + c // 16 + c for c in modules)
    assert price(plugins, "senet", {"trunk": "inception"}).params - price(plugins, "googlenet", {"norm": True}).params == squeezes


def test_lite_leaves_stem_head_and_the_outer_stages_repeats_alone(plugins):
    def convolutions(**scale):
        return [layer for layer in price(plugins, "efficientnet_lite", **scale).layers if layer.kind in ("Conv2D", "DepthwiseConv2D")]

    wide = convolutions(width=2.0)
    assert (wide[0].shape[-1], wide[-1].shape[-1]) == (32, 1280)
    assert len(convolutions(depth=2.0)) - len(convolutions()) == 3 * (2 + 2 + 3 + 3 + 4)


@pytest.mark.parametrize(("name", "index"), [("resnet", 0), ("mobilenet", 3), ("mobilenet_v2", 1), ("efficientnet", 0)])
def test_layers_come_in_the_order_of_published_weights(plugins, name, index):
    architecture = plugins.get("architecture", name)
    weights = architecture.pretrained[index]
    function, _, alpha = weights.source.removeprefix("keras:").partition("?alpha=")
    given = {"alpha": float(alpha)} if alpha else {}
    theirs = unweighted(lambda: kernels(getattr(keras.applications, function)(weights=None, include_top=False, input_shape=(32, 32, 3), **given)))
    ours = unweighted(
        lambda: kernels(build(architecture(**weights.point), classes=2, channels=3, size=32, width=weights.width, depth=weights.depth)),
    )
    assert ours == theirs


def test_lite0_is_b0_without_its_squeeze_excitation(plugins):
    b0 = unweighted(lambda: kernels(keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3)), biased=False))
    lite = unweighted(lambda: kernels(build(plugins.get("architecture", "efficientnet_lite")(), classes=2, channels=3, size=32)))
    assert lite == b0


@pytest.mark.parametrize("name", MINE)
def test_pretrained_weights_name_points_of_the_space(plugins, name):
    architecture = plugins.get("architecture", name)
    names = [weights.name for weights in architecture.pretrained]
    assert len(set(names)) == len(names)
    for weights in architecture.pretrained:
        assert architecture(**weights.point).values.items() >= dict(weights.point).items()
        assert 0.5 < weights.top_1 < 0.9
    assert bool(names) is (name != "senet")


@pytest.mark.parametrize(("name", "values"), [*((name, {}) for name in MINE), ("resnet", {"variant": 20}), ("senet", {"trunk": "inception"})])
def test_every_kernel_is_penalized_and_every_block_regularized(plugins, name, values):
    def layers(depth):
        architecture = plugins.get("architecture", name)(**values)
        return build(architecture, classes=2, channels=1, size=16, width=0.25, depth=depth, regularizers=[Everywhere()]).layers

    shallow, deep = unweighted(lambda: layers(0.2)), unweighted(lambda: layers(0.75))
    for layer in deep:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            assert layer.depthwise_regularizer is not None, layer.name
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            assert layer.kernel_regularizer is not None, layer.name
    few, more = (sum(type(layer) is keras.layers.Dropout for layer in some) for some in (shallow, deep))
    assert 0 < few < more


def test_only_added_branches_reach_the_branch_hook():
    net = small_net(regularizers=[Everywhere()])
    x = keras.Input((8, 8, 16))

    def branches(y):
        return sum(isinstance(layer, keras.layers.SpatialDropout2D) for layer in keras.Model(x, y).layers)

    assert branches(blocks.residual_block(x, 16, net=net)) == 1
    assert branches(blocks.residual_block(x, 16, net=net, shortcut=False)) == 0
    assert branches(blocks.inverted_residual(x, 16, net=net)) == 1
    assert branches(blocks.inverted_residual(x, 16, net=net, stride=2)) == 0


@pytest.mark.parametrize("squeeze", [0.0, 0.25])
def test_a_fresh_shortcut_without_weights_keeps_every_other_pixel_and_adds_channels_of_zeros(squeeze):
    x = keras.Input((7, 8, 4))
    model = keras.Model(x, blocks.residual_block(x, 6, net=small_net(), stride=2, project=False, squeeze=squeeze))
    pixels = np.random.default_rng(0).random((2, 7, 8, 4), dtype="float32")
    output = np.asarray(model(pixels, training=False))  # the branch's last scale starts at zero
    assert output.shape == (2, 4, 4, 6)
    np.testing.assert_allclose(output[..., :4], pixels[:, ::2, ::2])
    assert not output[..., 4:].any()
    assert len(kernels(model, biased=False)) == 4  # two convolutions and their norms: no projection


def test_the_stride_is_where_it_is_asked_for():
    def strides(**given):
        x = keras.Input((8, 8, 32))
        layers = keras.Model(x, blocks.residual_block(x, 8, net=small_net(), stride=2, shortcut=False, **given)).layers
        return [layer.strides[0] for layer in layers if isinstance(layer, keras.layers.Conv2D)]

    assert strides(bottleneck=True) == [1, 2, 1]
    assert strides(bottleneck=True, downsample="1x1") == [2, 1, 1]
    assert strides() == [2, 1]
    with pytest.raises(ValueError, match="downsample = '5x5': expected '3x3' or '1x1'"):
        strides(downsample="5x5")


def test_the_projection_is_created_before_the_branch():
    keras.backend.clear_session()  # names count from the start: conv2d, conv2d_1, ...
    x = keras.Input((8, 8, 16))
    model = keras.Model(x, blocks.residual_block(x, 8, net=small_net(), bottleneck=True))
    created = {layer.name: tuple(layer.kernel.shape) for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    assert [created[name] for name in ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3")] == [(1, 1, 16, 32), (1, 1, 16, 8), (3, 3, 8, 8), (1, 1, 8, 32)]


def test_separable_is_a_kernel_per_channel_and_a_mix_of_channels():
    x = keras.Input((8, 8, 64))
    model = keras.Model(x, blocks.separable(x, 64, 3, net=small_net(), stride=2))
    assert model.output_shape == (None, 4, 4, 64)
    assert kernels(model) == [("DepthwiseConv2D", (3, 3, 64, 1)), ("BatchNormalization", (64,)), ("Conv2D", (1, 1, 64, 64)), ("BatchNormalization", (64,))]
    bare = keras.Model(x, blocks.separable(x, 64, 3, net=small_net(), norm=False, activation=None))
    assert [type(layer).__name__ for layer in bare.layers[1:]] == ["DepthwiseConv2D", "Conv2D"]


def test_thin_resnets_are_whole_at_32_px_and_downsample_larger_images(plugins):
    def side(size):
        return [layer.shape for layer in price(plugins, "resnet", {"variant": 20}, size=size).layers if len(layer.shape) == 3][-1][0]

    assert [side(size) for size in (16, 32, 64, 128)] == [4, 8, 8, 8]


def test_a_saved_network_with_weightless_shortcuts_predicts_the_same(plugins, tmp_path):
    model = build(plugins.get("architecture", "resnet")(variant=20, squeeze_ratio=4), classes=3, channels=3, size=16, width=0.5, depth=0.25)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 20, 24, 3)).astype("float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(again(pixels, training=False)), np.asarray(model(pixels, training=False)), atol=1e-6)
