"""Learning rates over a training, and which weights decay."""

from __future__ import annotations

from typing import Any

from automl_cnn.plugin import keras

SCHEDULES = ("cosine", "constant", "step", "one_cycle")
RISE = 0.3  # of the steps, in one cycle
NOT_A_KERNEL = r"^(?!.*kernel[^/]*$)"  # of a variable's name, which on TensorFlow has its layer's in front


def learning_rate(peak: float, steps: int, *, schedule: str = "cosine", warm_up: float = 0.0) -> Any:
    """The learning rate of an `Optimizer` plugin over a training of `steps` batches.

    It rises in a straight line from a tenth of `peak` over the first `warm_up` share of the
    steps, and then

        cosine      falls to 0 along half a cosine (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983)
        constant    stays
        step        is a tenth from half of all the steps on, a hundredth from three quarters on (He et al. 2016)
        one_cycle   has a rise of its own: from `peak` / 25 over 30 % of the steps, whatever `warm_up`
                    says, and falls along half a cosine (Smith and Topin 2019, https://arxiv.org/abs/1708.07120)

    A plain float where nothing changes.

    Raises:
        ValueError: `schedule` is none of these.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule = {schedule!r}: expected one of {', '.join(map(repr, SCHEDULES))}.")
    first, share = (peak / 25, RISE) if schedule == "one_cycle" else (peak / 10, warm_up)
    warming = min(round(steps * share), steps - 1)
    if schedule == "step":
        from automl_cnn.layers import StepDecay  # imports Keras, hence TensorFlow

        return StepDecay(peak, steps, warm_up_steps=max(0, warming))
    if schedule == "constant" and warming < 1:
        return peak
    final = 1.0 if schedule == "constant" else 0.0
    if warming < 1:
        return keras.optimizers.schedules.CosineDecay(peak, max(1, steps), alpha=final)
    return keras.optimizers.schedules.CosineDecay(first, steps - warming, alpha=final, warmup_target=peak, warmup_steps=warming)


def decay_kernels(optimizer: Any, strength: float) -> Any:
    """`optimizer` with decoupled weight decay of every kernel; biases and norms are left alone.

    Each step takes the learning rate times `strength` off each kernel, whatever its gradient. In
    place, hence for an optimizer that has not trained yet. Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101
    """
    optimizer.weight_decay = strength
    optimizer.exclude_from_weight_decay(var_names=[NOT_A_KERNEL])
    return optimizer
