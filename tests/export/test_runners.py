"""What runtimes do to paths and to the process that loads them."""

import subprocess
import sys

import numpy as np
import pytest

from automl_cnn.export import runners


@pytest.mark.parametrize("name", ["[x]", "back\\slash", "a*b", "a%20b", "plain"])
def test_a_saved_model_is_loaded_whatever_its_folder_is_called(tmp_path, name):
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)], autograph=False)
    def serve(images):
        return {"probabilities": images * module.weight}

    module.serve = serve
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=serve)
    (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "saved").rename(tmp_path / name / "model")
    run = runners.saved_model(str(tmp_path / name / "model"))
    assert run(np.ones(3, np.float32)).tolist() == [2, 2, 2]


CTRL_C = """
import gc, signal, sys
from automl_cnn.export import runners

first, second = runners.openvino(sys.argv[1]), runners.openvino(sys.argv[1])
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGINT, lambda *given: print("answered"))
signal.raise_signal(signal.SIGINT)
"""


def test_ctrl_c_is_answered_after_two_openvino_models_were_loaded(tmp_path, needs):
    """A second `Core` in one process left the thread with a freed stack for signals: Ctrl-C was a segmentation fault."""
    needs("openvino")
    import openvino
    from openvino import opset13

    given = opset13.parameter([1, 4], np.float32)
    openvino.save_model(openvino.Model([opset13.relu(given)], [given], "relu"), tmp_path / "model.xml", compress_to_fp16=False)
    done = subprocess.run([sys.executable, "-c", CTRL_C, str(tmp_path / "model.xml")], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr
