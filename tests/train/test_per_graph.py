"""Within a graph once, elsewhere every time."""

import keras
import pytest

from automl_cnn.train.per_graph import PerGraph


def test_it_is_made_anew_without_a_graph():
    once, made = PerGraph(), []
    assert [once("key", lambda: made.append(0) or len(made)) for _ in range(2)] == [1, 2]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs are TensorFlow's")
def test_it_is_made_once_for_each_key_and_graph():
    import tensorflow

    once = PerGraph()
    for _ in range(2):
        with tensorflow.Graph().as_default():
            made = [once(key, lambda: tensorflow.constant(1.0)) for key in ("a", "b", "a")]
            assert made[0] is made[2]
            assert made[0] is not made[1]
            assert made[0].graph is tensorflow.compat.v1.get_default_graph()
