"""What others rely on, pinned; and that looking costs nothing."""

import subprocess
import sys

import automl_cnn
from automl_cnn import plugin

HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "pandas", "optuna", "keras_tuner")


def test_the_public_names_are_pinned():
    assert automl_cnn.__all__ == ["ImageClassifier", "ImageMultiLabelClassifier", "ImageRegressor", "__version__", "load", "search"]
    assert plugin.__all__ == [
        "Architecture",
        "Choice",
        "Epoch",
        "Float",
        "Inputs",
        "Int",
        "Net",
        "Optimizer",
        "Plugin",
        "Pretrained",
        "Regularizer",
        "Story",
        "keras",
    ]


def test_importing_the_package_and_loading_the_registry_import_nothing_heavy():
    code = f"import sys, automl_cnn\nfrom automl_cnn import registry\nregistry.load()\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_search_stays_a_function_after_its_modules_are_imported():
    import automl_cnn.study.session  # a package called search would shadow it

    assert callable(automl_cnn.search)
    assert callable(automl_cnn.load)


def test_every_built_in_plugin_loads():
    from automl_cnn import registry

    loaded = registry.load()
    assert loaded.broken == {}
    assert {"vgg", "resnet", "mobilenet_v2"} <= set(loaded.names("architecture"))
    assert all(entry.summary for kind in loaded.entries.values() for entry in kind.values())
