"""The places where weights are searched, and the messages to the user; no Keras."""

import subprocess
import sys

import pytest

from automl_cnn.errors import PluginError
from automl_cnn.models import pretrained
from automl_cnn.models.pretrained.source import Application, Package, cache, file_name, source_of
from automl_cnn.plugin import Pretrained

LITE0 = Pretrained("lite0", "package:tiny_weights/models/net-*.pth", distribution="tiny-weights")


def keras_entry(what):
    return Pretrained("some", f"keras:{what}")


def test_a_source_is_a_package_file_or_a_keras_function_with_arguments():
    assert source_of(LITE0) == Package("tiny_weights", "models/net-*.pth")
    assert source_of(keras_entry("VGG16")) == Application("VGG16", {})
    assert source_of(keras_entry("MobileNet?alpha=0.75")) == Application("MobileNet", {"alpha": 0.75})


@pytest.mark.parametrize("source", ["", "keras:", "package:x", "https://x/y.pth", "keras:MobileNet?alpha=a", "package:../../etc/x"])
def test_any_other_source_is_refused_by_name(source):
    with pytest.raises(PluginError, match=r"'some' have source = .*expected 'package:NAME/FILE'"):
        pretrained.available(Pretrained("some", source))


def test_a_package_is_available_once_its_file_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert not pretrained.available(LITE0)
    (tmp_path / "tiny_weights" / "models").mkdir(parents=True)
    (tmp_path / "tiny_weights" / "__init__.py").write_text("raise RuntimeError('looking for a file does not import the package')")
    assert not pretrained.available(LITE0)
    (tmp_path / "tiny_weights" / "models" / "net-12ab.pth").touch()
    assert pretrained.available(LITE0)


@pytest.mark.parametrize(
    ("what", "file"),
    [
        ("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("ResNet50", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("MobileNet", "mobilenet_1_0_224_tf_no_top.h5"),
        ("MobileNet?alpha=0.25", "mobilenet_2_5_224_tf_no_top.h5"),
        ("MobileNetV2?alpha=1.4", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224_no_top.h5"),
        ("EfficientNetB7", "efficientnetb7_notop.h5"),
    ],
)
def test_keras_weights_are_available_once_they_are_in_its_cache(tmp_path, monkeypatch, what, file):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not pretrained.available(keras_entry(what))
    assert file_name(source_of(keras_entry(what))) == file
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file).touch()
    assert pretrained.available(keras_entry(what))


def test_without_keras_home_the_cache_is_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache() == tmp_path / ".keras" / "models"


def test_the_user_is_told_what_to_install():
    assert pretrained.what_to_install(LITE0).endswith("pip install tiny-weights")
    assert "needs access to the internet" in pretrained.what_to_install(keras_entry("VGG16"))


def test_asking_imports_no_keras():
    code = (
        "import sys; from automl_cnn.models import pretrained; from automl_cnn.plugin import Pretrained; e = Pretrained('b0', 'keras:EfficientNetB0');"
        "pretrained.available(e), pretrained.what_to_install(e); sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
