"""TensorFlow takes a path for a pattern."""

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
