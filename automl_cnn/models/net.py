"""The rules for every network, implemented: the multipliers, the regularizers, small images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from automl_cnn import blocks
from automl_cnn.errors import PluginError
from automl_cnn.plugin import Regularizer

EARLY_STRIDE_FROM = (64, 128)  # pixels of the input from which the first and the second early downsampling are taken


class BuildNet:
    """The `automl_cnn.plugin.Net` that an architecture is built with.

    `width` and `depth` are the multipliers w and d of compound scaling. `keep_strides` takes the early
    strides on small images too: pretrained weights expect them. `auxiliaries` collects what the
    architecture asks for with `auxiliary`, `block_ends` what `after_block` returned.

    Raises:
        PluginError: a multiplier, the size or the number of classes is not above zero.
    """

    def __init__(
        self,
        *,
        input_size: int,
        classes: int,
        width: float = 1.0,
        depth: float = 1.0,
        regularizers: Sequence[Regularizer] = (),
        keep_strides: bool = False,
    ) -> None:
        for what, value in (("input_size", input_size), ("classes", classes), ("width", width), ("depth", depth)):
            if not (value > 0 and math.isfinite(value)):
                raise PluginError(f"{what} = {value!r}: expected a number above zero.")
        self.input_size = int(input_size)
        self.classes = int(classes)
        self.w, self.d = float(width), float(depth)
        self.regularizers = tuple(regularizers)
        self.keep_strides = keep_strides
        self.auxiliaries: list[tuple[Any, float]] = []
        self.block_ends: list[Any] = []

    def width(self, channels: int) -> int:
        if self.w == 1:
            return int(channels)
        scaled = channels * self.w
        rounded = max(8, int(scaled + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * scaled else rounded

    def depth(self, repeats: int) -> int:
        return math.ceil(round(self.d * repeats, 9))  # without the rounding, 1.1 * 10 would count as 12

    def early_stride(self, index: int) -> int:
        if not 0 <= index < len(EARLY_STRIDE_FROM):
            raise PluginError(f"early_stride({index}): expected 0 or 1, the first or the second early downsampling.")
        return 2 if self.keep_strides or self.input_size >= EARLY_STRIDE_FROM[index] else 1

    def stem(self, x: Any, channels: int, kernel: int = 7) -> Any:
        x = blocks.conv(x, self.width(channels), kernel, net=self, stride=self.early_stride(0), padding=kernel // 2)
        return blocks.max_pool(x, 3, stride=self.early_stride(1), padding=1)

    def penalty(self) -> Any:
        penalties = [penalty for penalty in (regularizer.penalty() for regularizer in self.regularizers) if penalty is not None]
        if len(penalties) > 1:
            from automl_cnn.layers import SumOfPenalties

            return SumOfPenalties(penalties)
        return penalties[0] if penalties else None

    def auxiliary(self, x: Any, weight: float = 0.3) -> None:
        if len(x.shape) != 2 or not weight > 0:
            raise PluginError(f"auxiliary(x of shape {tuple(x.shape)}, weight={weight!r}): expected a 2-D tensor (batch, features) and a weight above zero.")
        self.auxiliaries.append((x, float(weight)))

    def after_branch(self, x: Any) -> Any:
        for regularizer in self.regularizers:
            x = regularizer.branch(x)
        return x

    def after_block(self, x: Any) -> Any:
        for regularizer in self.regularizers:
            x = regularizer.block(x)
        self.block_ends.append(x)
        return x

    def before_dense(self, x: Any) -> Any:
        for regularizer in self.regularizers:
            x = regularizer.dense(x)
        return x
