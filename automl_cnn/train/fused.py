"""One TensorFlow kernel each for batch norm and for Adam's step, which Keras composes of operations that every backend has.

What is computed is the same, but for a batch norm's moving variance, which the kernel estimates without bias: n / (n - 1) times Keras'. Networks
with many batch norms gain most: on a CPU a training step of a MobileNetV2 costs little more than half, and so does building it. Layers stay
Keras' own, so that the saved model does not know of it.
"""

from __future__ import annotations

from typing import Any

import keras

from automl_cnn.train import backend
from automl_cnn.train.per_graph import PerGraph
from automl_cnn.train.rates import remade


def fused_norms(model: Any) -> None:
    """Let the model's batch norms over the channels of images use the kernel, from now on; on other backends, nothing happens."""
    tensorflow = backend.tensorflow()
    for layer in model.layers if tensorflow is not None else ():
        if _has_kernel(layer):
            object.__setattr__(layer, "call", _call(layer, tensorflow))  # past Keras' tracking of what belongs to the layer's state


def fused_step(optimizer: Any) -> Any:
    """The optimizer with its step in one kernel, where it is an Adam on TensorFlow; else itself."""
    tensorflow = backend.tensorflow()
    plain = type(optimizer)
    if tensorflow is None or plain not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        return optimizer

    once = PerGraph()

    class Fused(plain):  # type: ignore[misc,valid-type]  # of either class
        """Adam's own step."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            index, dtype = self._get_variable_index(variable), variable.dtype

            def numbers() -> dict[str, Any]:
                step = tensorflow.cast(self.iterations + 1, dtype)
                beta_1, beta_2, epsilon = (tensorflow.cast(number, dtype) for number in (self.beta_1, self.beta_2, self.epsilon))
                return {"beta1": beta_1, "beta2": beta_2, "beta1_power": beta_1**step, "beta2_power": beta_2**step, "epsilon": epsilon}

            tensorflow.raw_ops.ResourceApplyAdam(
                var=(variable.value if isinstance(variable, keras.Variable) else variable).handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                lr=tensorflow.cast(learning_rate, dtype),
                grad=tensorflow.cast(gradient, dtype),
                **once(dtype, numbers),
            )

    Fused.__name__ = plain.__name__
    return remade(optimizer, Fused)


def _has_kernel(layer: Any) -> bool:
    """Whether it is a plain batch norm over the channels of images."""
    if type(layer) is not keras.layers.BatchNormalization or layer.renorm or layer.synchronized or layer.compute_dtype != "float32":
        return False
    return layer.built and layer.input_spec.ndim == 4 and layer.axis in (-1, 3)


def _call(layer: Any, tensorflow: Any) -> Any:
    composed, kernel = layer.call, tensorflow.compat.v1.nn.fused_batch_norm

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None:
            return composed(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        scale = layer.gamma if layer.scale else tensorflow.ones(channels)
        shift = layer.beta if layer.center else tensorflow.zeros(channels)
        if not (training and layer.trainable):
            return kernel(inputs, scale, shift, mean=layer.moving_mean, variance=layer.moving_variance, epsilon=layer.epsilon, is_training=False)[0]
        share = 1.0 - layer.momentum
        known = {} if share == 1.0 else {"mean": layer.moving_mean, "variance": layer.moving_variance}  # the kernel takes them only where they count
        outputs, mean, variance = kernel(inputs, scale, shift, epsilon=layer.epsilon, is_training=True, exponential_avg_factor=share, **known)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        return outputs

    return call
