"""The networks of keras.applications, with random weights, and ours with theirs: the same feature maps."""

import keras
import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.errors import PluginError
from automl_cnn.models import pretrained
from automl_cnn.models.build import build
from automl_cnn.models.pretrained.order import in_order, items_of
from automl_cnn.models.pretrained.source import source_of

SMALL = {("mobilenet", "mobilenet_025"), ("mobilenet_v2", "mobilenet_v2_035"), ("efficientnet", "b0"), ("resnet", "resnet50"), ("vgg", "vgg16")}
PIXELS = 64
PLUGINS = registry.load()


def entries():
    for architecture in ("efficientnet", "mobilenet", "mobilenet_v2", "resnet", "vgg"):
        for entry in PLUGINS.get("architecture", architecture).pretrained:
            yield pytest.param(architecture, entry, id=entry.name, marks=() if (architecture, entry.name) in SMALL else pytest.mark.slow)


def entry_of(architecture, name):
    return next(entry for entry in PLUGINS.get("architecture", architecture).pretrained if entry.name == name)


def reference(entry, **given):
    """The network of keras.applications; its batch norms and biases would all be 0 and 1, and hide an exchange of them."""
    source = source_of(entry)
    model = getattr(keras.applications, source.function)(**{"weights": None, "include_top": False, **source.arguments, **given})
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name == "gamma":  # small, since with 1 and more the deepest networks turn a rounding error of the pixels into another map
            variable.assign(rng.uniform(0.4, 0.8, variable.shape))
        elif variable.name == "moving_variance":
            variable.assign(rng.uniform(0.6, 1.4, variable.shape))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


def ours(architecture, entry, *, classes=3, channels=3, size=PIXELS, seed=1):
    plugin = PLUGINS.get("architecture", architecture)(**entry.point)
    return build(plugin, classes=classes, channels=channels, size=size, pretrained=entry, seed=seed)


def feature_map(model):
    pooling = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)][-1]
    return keras.Model(model.input, pooling.input)


def photos(size=PIXELS):
    return np.random.default_rng(2).integers(0, 256, (2, size, size, 3)).astype("float32")


def as_it_expects(images, entry):
    x = images * np.array(entry.inputs.scale, "float32") + np.array(entry.inputs.offset, "float32")
    if "EfficientNet" in entry.source:
        x = x * 255  # without ImageNet's weights, all its own preprocessing does is divide by 255
    return x[..., ::-1] if entry.inputs.bgr else x


def off_by(model, other, entry, size=PIXELS):
    got = feature_map(model)(photos(size), training=False).numpy()
    expected = other(as_it_expects(photos(size), entry), training=False).numpy()
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 1e-2
    assert expected.std(axis=(1, 2)).max() > 0  # else an error in the middle could not be seen
    return np.abs(got - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize(("architecture", "entry"), entries())
def test_our_network_with_keras_weights_gives_keras_feature_map(monkeypatch, architecture, entry):
    size = 128 if architecture != "resnet" and entry.name not in ("b6", "b7") else PIXELS
    other = reference(entry, input_shape=(size, size, 3))
    asked = []
    monkeypatch.setattr(keras.applications, source_of(entry).function, lambda **given: asked.append(given) or other)
    model = ours(architecture, entry, size=size)
    before = off_by(model, other, entry, size)
    classifier = model.get_layer("classifier").get_weights()[0]
    pretrained.load(model, entry)
    assert asked == [{"weights": "imagenet", "include_top": False, **source_of(entry).arguments}]
    assert off_by(model, other, entry, size) < 1e-3 < before
    np.testing.assert_array_equal(model.get_layer("classifier").get_weights()[0], classifier)


LITTLE = entry_of("mobilenet", "mobilenet_025")


@pytest.fixture(scope="module")
def other():
    return reference(LITTLE, input_shape=(PIXELS, PIXELS, 3))


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
def test_a_file_of_the_users_without_a_classifier_is_loaded(tmp_path, other, suffix):
    file = tmp_path / f"mine{suffix}"
    (other.save_weights if suffix == ".weights.h5" else other.save)(file)
    model = ours("mobilenet", LITTLE)
    pretrained.load(model, LITTLE, file=file)
    assert off_by(model, other, LITTLE) < 1e-3


def test_a_file_with_the_classifier_is_loaded_with_and_without_it(tmp_path):
    file = tmp_path / "mine.weights.h5"
    whole = reference(LITTLE, include_top=True)
    whole.save_weights(file)
    whole_map = keras.Model(whole.input, whole.get_layer("conv_pw_13_relu").output)
    model = ours("mobilenet", LITTLE, size=224)
    pretrained.load(model, LITTLE, file=file)
    assert off_by(model, whole_map, LITTLE, 224) < 1e-3
    model = ours("mobilenet", LITTLE, classes=1000, size=224)
    pretrained.load(model, LITTLE, file=file, top=True)
    got = model(photos(224), training=False).numpy()
    np.testing.assert_allclose(got, whole(as_it_expects(photos(224), LITTLE), training=False), atol=1e-4)
    with pytest.raises(PluginError, match=r"layer 'classifier' has a kernel of shape \(256, 3\), the file \(256, 1000\)\. .* on 1000 classes"):
        pretrained.load(ours("mobilenet", LITTLE), LITTLE, file=file, top=True)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_gray_images_are_seen_as_three_equal_colours(monkeypatch, other, dtype):
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: other)
    keras.config.set_dtype_policy(dtype)
    try:
        gray, colour = ours("mobilenet", LITTLE, channels=1), ours("mobilenet", LITTLE)
    finally:
        keras.config.set_dtype_policy("float32")
    for model in (gray, colour):
        pretrained.load(model, LITTLE)
    images = photos()[..., :1]
    assert np.isfinite(feature_map(gray)(images).numpy().astype("float32")).all()
    np.testing.assert_allclose(
        feature_map(gray)(images).numpy().astype("float32"), feature_map(colour)(np.repeat(images, 3, -1)).numpy().astype("float32"), rtol=1e-4, atol=1e-4
    )


def test_a_first_kernel_that_sees_gray_is_explained(monkeypatch, other):
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: other)
    model = build(PLUGINS.get("architecture", "mobilenet")(), classes=3, channels=1, size=PIXELS, width=0.25)
    with pytest.raises(PluginError, match=r"layer '\w+' sees gray images, of one channel, the file's first kernel three colors"):
        pretrained.load(model, LITTLE)


def test_nothing_is_changed_unless_everything_fits(monkeypatch, other):
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: other)
    model = ours("mobilenet", LITTLE)
    last = [layer for layer in in_order(model) if isinstance(layer, keras.layers.BatchNormalization)][-1]
    last.epsilon = 0.5
    wrong = build(PLUGINS.get("architecture", "mobilenet")(), classes=3, channels=3, size=PIXELS, width=0.5)
    before = wrong.get_weights()
    with pytest.raises(PluginError, match=r"layer '\w+' has a kernel of shape \(3, 3, 3, 16\), the file \(3, 3, 3, 8\).*width=0.25, depth=1"):
        pretrained.load(wrong, LITTLE)
    for one, two in zip(before, wrong.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    pretrained.load(model, LITTLE)
    assert last.epsilon == LITTLE.epsilon


def chain(*layers):
    pixels = x = keras.Input((8, 8, 3))
    for layer in layers:
        x = layer(x)
    return keras.Model(pixels, x, name="ours")


CONV, NORM, DEEP, DENSE = keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.DepthwiseConv2D, keras.layers.Dense


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        ([lambda: CONV(4, 3)], [lambda: CONV(4, 3), NORM], "the file has another batch norm of 4 channels"),
        ([lambda: CONV(4, 3), NORM], [lambda: CONV(4, 3)], r"the file ends before layer 'batch_norm\w+', a BatchNormalization"),
        ([lambda: CONV(3, 3)], [lambda: DEEP(3)], r"a Conv2D with a kernel of shape \(3, 3, 3, 3\), the file has a depthwise kernel"),
        ([lambda: CONV(4, 3, use_bias=False)], [lambda: CONV(4, 3)], "last convolution has a bias; ours has neither"),
        ([lambda: CONV(4, 3, use_bias=False), lambda: CONV(4, 1)], [lambda: CONV(4, 3), lambda: CONV(4, 1)], "has a bias in front of layer"),
        ([lambda: NORM(scale=False)], [NORM], "a batch norm without scale or offset"),
    ],
)
def test_a_mismatch_names_our_layer_and_what_the_file_has(monkeypatch, mine, theirs, message):
    file = chain(*(make() for make in theirs))
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: file)
    with pytest.raises(PluginError, match=message):
        pretrained.load(chain(*(make() for make in mine)), LITTLE)


def test_damaged_values_are_refused(monkeypatch):
    file = chain(CONV(4, 3))
    file.layers[1].bias.assign([1, np.nan, 1, 1])
    monkeypatch.setattr(keras.applications, "MobileNet", lambda **_: file)
    with pytest.raises(PluginError, match=r"its bias for layer '.*' has values that are not finite"):
        pretrained.load(chain(CONV(4, 3)), LITTLE)


def test_a_layer_of_an_unknown_kind_is_named():
    with pytest.raises(PluginError, match="Layer 'odd' is a PReLU with weights"):
        items_of(chain(keras.layers.PReLU(name="odd")))


def test_the_order_is_that_of_the_branches_whatever_lies_in_between():
    def names(padded):
        pixels = keras.Input((8, 8, 3))
        left, right = CONV(4, 1, name="left")(pixels), CONV(4, 1, name="right")(pixels)
        for _ in range(padded):
            left = keras.layers.ReLU()(left)
        right = CONV(4, 1, name="second")(right)
        return [layer.name for layer in in_order(keras.Model(pixels, keras.layers.Add()([left, right])))]

    assert names(0) == names(5) == ["left", "right", "second"]


def test_without_internet_the_user_is_told(monkeypatch, tmp_path):
    def unreachable(**_):
        raise Exception("URL fetch failure on somewhere: None -- no route")  # as Keras does

    monkeypatch.setattr(keras.applications, "MobileNet", unreachable)
    for action in (pretrained.download, lambda entry: pretrained.load(ours("mobilenet", entry), entry)):
        with pytest.raises(PluginError, match=r"'mobilenet_025' \(keras\.applications\.MobileNet\) could not be loaded: URL fetch failure.* internet"):
            action(LITTLE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.h5", None, r"There is no file .*none\.h5: expected weights of keras\.applications\.MobileNet \(\.h5, \.keras\)"),
        ("mine.pth", b"x", r"is a \.pth file: expected weights of keras\.applications\.MobileNet"),
        ("mine.h5", b"x", r"holds no weights that keras\.applications\.MobileNet takes \(alpha=0\.25\): .*Expected a \.h5 or \.weights\.h5 file"),
        ("mine.keras", b"x", r"cannot be read as a Keras model .*expected a whole \.keras file"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PluginError, match=message):
        pretrained.load(ours("mobilenet", LITTLE), LITTLE, file=tmp_path / name)


def test_layers_of_regularizers_do_not_upset_the_order(monkeypatch):
    entry = entry_of("resnet", "resnet50")
    other = reference(entry, input_shape=(PIXELS, PIXELS, 3))
    monkeypatch.setattr(keras.applications, "ResNet50", lambda **given: other)
    chosen = [PLUGINS.get("regularizer", name)() for name in ("stochastic_depth", "spatial_dropout", "dropout", "l2")]
    model = build(PLUGINS.get("architecture", "resnet")(**entry.point), classes=3, channels=3, size=PIXELS, pretrained=entry, regularizers=chosen)
    assert any(isinstance(layer, keras.layers.SpatialDropout2D) for layer in model.layers)
    pretrained.load(model, entry)
    assert off_by(model, other, entry) < 1e-3
