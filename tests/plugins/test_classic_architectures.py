"""AlexNet, VGG, GoogLeNet and the simple CNN: the papers' counts, and what each parameter does."""

import keras
import numpy as np
import pytest
from automl_cnn_plugins.architectures.alexnet import AlexNet
from automl_cnn_plugins.architectures.googlenet import GoogLeNet
from automl_cnn_plugins.architectures.simple_cnn import SimpleCNN
from automl_cnn_plugins.architectures.vgg import VGG
from automl_cnn_plugins.regularizers.l2 import L2

from automl_cnn import blocks
from automl_cnn.models.build import build
from automl_cnn.models.cost import cost
from automl_cnn.models.net import BuildNet

FAMILIES = [AlexNet, VGG, GoogLeNet, SimpleCNN]
PAPER = {"norm": False, "classifier": "dense"}


def price(architecture, classes=1000, channels=3, size=224, **given):
    """As `estimate`, for a plugin at hand: no weights are allocated."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            return cost(build(architecture, classes=classes, channels=channels, size=size, **given))
    finally:
        keras.backend.clear_session()


def tiny(architecture, size=16, **given):
    return build(architecture, **{"classes": 3, "channels": 1, "size": size, "width": 0.25, **given})


def kernels(model):
    """Height and width of every convolution's kernel, in order."""
    return [tuple(layer.kernel_size) for layer in model.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))]


def last_side(paid):
    return [layer.shape for layer in paid.layers if len(layer.shape) == 3][-1][0]


def answers(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.mark.parametrize(
    ("architecture", "params", "millions"),
    [
        (AlexNet(**PAPER), 61_100_840, 714.2),
        (AlexNet(**PAPER, variant="two_groups"), 60_965_224, 724.4),
        (AlexNet(**PAPER, overlapping=False, local_response_norm=True), 61_100_840, 714.2),
        (VGG(**PAPER, variant="A"), 132_863_336, 7609),
        (VGG(**PAPER, variant="B"), 133_047_848, 11308),
        (VGG(**PAPER, variant="C"), 133_047_848 + 256 * 257 + 2 * 512 * 513, 11308.5 + 205.5 + 205.5 + 51.4),
        (VGG(**PAPER, variant="D"), 138_357_544, 15470),
        (VGG(**PAPER, variant="E"), 143_667_240, 19632),
        (GoogLeNet(norm=False), 6_998_552, 1582.7),
    ],
    ids=repr,
)
def test_published_parameters_and_mult_adds(architecture, params, millions):
    paid = price(architecture)
    assert paid.params == params
    assert paid.mult_adds / 1e6 == pytest.approx(millions, rel=1e-4)


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize(("size", "side"), [(16, 2), (24, 3), (32, 4), (48, 6), (64, 4), (96, 6), (128, 3), (224, 6)])
def test_alexnets_last_map_is_neither_a_pixel_nor_a_field(overlapping, size, side):
    assert last_side(price(AlexNet(overlapping=overlapping), size=size, width=0.25)) == side


@pytest.mark.parametrize("family", [VGG, GoogLeNet, SimpleCNN])
@pytest.mark.parametrize(("size", "side"), [(16, 2), (96, 6), (224, 7)])
def test_the_last_map_is_neither_a_pixel_nor_a_field(family, size, side):
    assert last_side(price(family(), size=size, width=0.25, depth=0.25)) == side


def test_four_stages_leave_a_pixel_of_the_smallest_image():
    assert last_side(price(SimpleCNN(stages=4), size=16)) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_multipliers_move_the_cost(family):
    one, wide, deep = (price(family(), size=64, **given).mult_adds for given in ({}, {"width": 2.0}, {"depth": 2.0}))
    assert 3.5 < wide / one <= 4
    assert 1.4 < deep / one < 2.7


@pytest.mark.parametrize(
    "architecture",
    [
        AlexNet(variant="two_groups", local_response_norm=True),
        VGG(variant="C", norm=False, classifier="dense"),
        GoogLeNet(local_response_norm=True, classifier="dense"),
        SimpleCNN(kernel="separable", pooling="strided"),
    ],
    ids=lambda plugin: plugin.name,
)
def test_a_saved_model_answers_the_same_and_every_kernel_is_penalized(architecture, tmp_path):
    model = tiny(architecture, depth=0.25, regularizers=[L2()])
    assert len(model.losses) == sum(weight.name == "kernel" for weight in model.trainable_weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1))
    np.testing.assert_allclose(answers(loaded, images), answers(model, images), atol=1e-6)


def test_vgg_c_has_1x1_layers_where_d_has_3x3():
    c, d = (kernels(tiny(VGG(variant=variant))) for variant in "CD")
    assert len(c) == len(d) == 13
    assert [index for index, kernel in enumerate(c) if kernel == (1, 1)] == [6, 9, 12]
    assert set(d) == {(3, 3)}


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_vggs_larger_kernels_see_exactly_as_far(kernel):
    for layers in range(1, 9):
        assert sum(side - 1 for side in VGG(kernel=kernel).kernels(layers)) == 2 * layers


def test_vggs_kernels_fill_each_stage():
    assert kernels(tiny(VGG(variant="C", kernel=5))) == [(5, 5), (5, 5)] + [(5, 5), (1, 1)] * 3
    assert kernels(tiny(VGG(variant="D", kernel=5))) == [(5, 5), (5, 5)] + [(5, 5), (3, 3)] * 3
    assert kernels(tiny(VGG(variant="E", kernel=7))) == [(5, 5), (5, 5)] + [(7, 7), (3, 3)] * 3


@pytest.mark.parametrize(("variant", "function"), [("D", "VGG16"), ("E", "VGG19")])
def test_vggs_weights_come_in_the_order_of_the_declared_ones(variant, function):
    declared = next(one for one in VGG.pretrained if one.source == f"keras:{function}")
    assert (declared.point["variant"], declared.inputs.bgr) == (variant, True)
    with keras.StatelessScope(initialize_variables=False):
        theirs = [tuple(weight.shape) for weight in getattr(keras.applications, function)(weights=None, include_top=False).weights]
        ours = [tuple(weight.shape) for weight in build(VGG(**declared.point), classes=2, channels=3, size=declared.size).weights][:-2]
    keras.backend.clear_session()
    assert ours == theirs


def test_two_groups_halve_the_kernels_of_the_second_fourth_and_fifth_layer():
    def inputs(variant):
        model = tiny(AlexNet(variant=variant), width=1.0, channels=3)
        return [layer.kernel.shape[2] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]

    assert inputs("one_tower") == [3, 64, 192, 384, 256]
    assert inputs("two_groups") == [3, 48, 48, 256, 192, 192, 192, 192]  # two kernels where there was one


def test_a_group_sees_only_its_half():
    x = keras.Input((8, 8, 16))
    y = AlexNet(variant="two_groups", norm=False).conv(x, 16, 3, BuildNet(input_size=8, classes=2))
    model = keras.Model(x, y)
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 16)).astype("float32")
    changed = images.copy()
    changed[..., 8:] += 1
    before, after = answers(model, images), answers(model, changed)
    np.testing.assert_array_equal(before[..., :8], after[..., :8])
    assert not np.allclose(before[..., 8:], after[..., 8:])


def test_alexnets_depth_acts_on_the_3x3_layers():
    assert [len(kernels(tiny(AlexNet(), depth=depth))) for depth in (0.25, 1.0, 1.4, 2.0)] == [3, 5, 7, 8]


def test_local_response_norm_is_the_papers_formula():
    x = np.random.default_rng(0).normal(scale=30, size=(2, 3, 3, 12)).astype("float32")
    expected = np.empty_like(x)
    for channel in range(12):
        energy = (x[..., max(0, channel - 2) : channel + 3] ** 2).sum(-1)
        expected[..., channel] = x[..., channel] / (2 + 1e-4 * energy) ** 0.75
    given = keras.Input((3, 3, 12))
    np.testing.assert_allclose(answers(keras.Model(given, blocks.local_response_norm(given)), x), expected, rtol=1e-4)


@pytest.mark.parametrize("family", [AlexNet, GoogLeNet])
def test_local_response_norm_comes_twice_or_not_at_all(family):
    def count(on):
        return sum(type(layer).__name__ == "LocalResponseNorm" for layer in tiny(family(local_response_norm=on), depth=0.25).layers)

    assert (count(False), count(True)) == (0, 2)


@pytest.fixture
def modules(monkeypatch):
    """What a GoogLeNet asks of `blocks.inception`, which does nothing here."""
    asked = []

    def fake(x, *channels, pool, net, norm):
        asked.append((*channels, pool))
        return x

    monkeypatch.setattr(blocks, "inception", fake)
    return asked


def googlenet(size=16, depth=1.0, **values):
    net = BuildNet(input_size=size, classes=2, depth=depth)
    GoogLeNet(**values).features(keras.Input((size, size, 1)), net)
    return net


@pytest.mark.parametrize(("size", "depth", "count"), [(16, 1.0, 2), (224, 1.0, 2), (32, 2.0, 2), (16, 0.25, 1)])
def test_auxiliary_classifiers_are_asked_for_only_when_on(modules, size, depth, count):
    assert googlenet(size, depth).auxiliaries == []
    asked = googlenet(size, depth, auxiliary=True).auxiliaries  # 4d is left out of a net as shallow as 0.25
    assert [(tuple(row.shape), weight) for row, weight in asked] == [((None, 1024), 0.3)] * count


def test_auxiliary_classifiers_pool_and_narrow_as_the_paper_says():
    x = keras.Input((14, 14, 512))
    net = BuildNet(input_size=224, classes=2)
    GoogLeNet(norm=False).classify_early(x, net)
    paid = cost(keras.Model(x, net.auxiliaries[0][0]))
    assert paid.params == 512 * 128 + 128 + 4 * 4 * 128 * 1024 + 1024


def test_the_trained_model_is_without_auxiliary_classifiers():
    on, off = (tiny(GoogLeNet(auxiliary=auxiliary), depth=0.25) for auxiliary in (True, False))
    assert [type(layer) for layer in on.layers] == [type(layer) for layer in off.layers]


def test_googlenets_depth_stretches_the_stages(modules):
    def joined(depth):
        modules.clear()
        googlenet(depth=depth)
        return [one + three + five + pool for one, _, three, _, five, pool in modules]

    assert joined(1.0) == [256, 480, 512, 512, 512, 528, 832, 832, 1024]  # the output column of the paper's table
    assert joined(2.0) == [channels for channels in joined(1.0) for _ in range(2)]
    assert joined(1.4) == [256, 256, 480, 512, 512, 512, 512, 512, 528, 832, 832, 832, 1024]
    assert joined(0.25) == [256, 512, 512, 832]


@pytest.mark.parametrize("squeeze", [0.0, 1 / 4])
def test_an_inception_module_joins_four_branches(squeeze):
    x = keras.Input((7, 7, 256))
    y = blocks.inception(x, 8, 16, 24, 64, 64, pool=32, net=BuildNet(input_size=32, classes=2), squeeze=squeeze)
    assert tuple(y.shape) == (None, 7, 7, 8 + 24 + 64 + 32)
    model = keras.Model(x, y)
    reduced = (256 * 64 + 64) + (25 * 64 * 64 + 64)  # the paper's example: 118,784 weights and the biases
    others = (256 * 8 + 8) + (256 * 16 + 16) + (9 * 16 * 24 + 24) + (256 * 32 + 32)
    excited = (128 * 32 + 32) + (32 * 128 + 128) if squeeze else 0
    assert cost(model).params == reduced + others + excited


def test_the_block_level_regularizers_act_once_per_inception_module():
    class Counting(BuildNet):
        ends = 0

        def after_block(self, x):
            self.ends += 1
            return x

    net = Counting(input_size=16, classes=2, width=0.25)
    GoogLeNet().features(keras.Input((16, 16, 1)), net)
    assert net.ends == 9


@pytest.mark.parametrize(
    ("kernel", "weights"), [("3x3", 9 * 32), ("5x5", 25 * 32), ("7x7", 49 * 32), ("1xn_nx1", 6 * 32), ("dilated", 9 * 32), ("separable", 9 + 32)]
)
def test_simple_cnns_kernel_shapes_cost_what_the_docstring_says(kernel, weights):
    x = keras.Input((8, 8, 32))
    plugin = SimpleCNN(kernel=kernel, norm=False)
    paid = cost(keras.Model(x, plugin.layer(x, 32, BuildNet(input_size=8, classes=2))))
    assert paid.mult_adds == 8 * 8 * 32 * weights


@pytest.mark.parametrize(("kernel", "reach"), [("3x3", 3), ("5x5", 5), ("7x7", 7), ("1xn_nx1", 3), ("dilated", 5), ("separable", 3)])
def test_simple_cnns_kernel_shapes_see_what_the_docstring_says(kernel, reach):
    x = keras.Input((15, 15, 8))
    plugin = SimpleCNN(kernel=kernel, norm=False)
    model = keras.Model(x, plugin.layer(x, 64, BuildNet(input_size=15, classes=2)))
    dark = np.zeros((1, 15, 15, 8), "float32")
    lit = dark.copy()
    lit[0, 7, 7] = 1
    seen = np.argwhere(np.abs(answers(model, lit) - answers(model, dark))[0].sum(-1) > 0)
    assert (np.ptp(seen, axis=0) + 1).tolist() == [reach, reach]


def test_simple_cnns_stages_layers_and_channels_are_what_they_say():
    model = tiny(SimpleCNN(stages=4, layers=2, channels=16, pooling="strided"), width=1.0)
    convolutions = [(layer.filters, layer.strides[0]) for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert convolutions == [(16, 1)] + [(16 * 2**stage, stride) for stage in range(4) for stride in (1, 1, 2)]
