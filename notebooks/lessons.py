"""What all chapters share: a quick mode, and checks of the exercises.

from lessons import check, epochs, seeds

check("2.1", 27)
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on the processor would stand above each chapter's first result

QUICK = bool(os.environ.get("AUTOML_CNN_QUICK"))  # the tests run every chapter in a few seconds


def epochs(number: int) -> int:
    """How many epochs to train: `number`, or 1 in quick mode."""
    return 1 if QUICK else number


def seeds(number: int = 3) -> tuple[int, ...]:
    """The seeds of an experiment: `number` of them, or one in quick mode."""
    return (0,) if QUICK else tuple(range(number))


def some(number: int) -> int:
    """How many images to learn from: `number`, or 60 in quick mode."""
    return min(60, number) if QUICK else number


def check(exercise: str, answer: object) -> None:
    """Say whether the answer to an exercise is right; where it is not, give a hint.

    Raises:
        ValueError: there is no such exercise.
    """
    if exercise not in _ANSWERS:
        raise ValueError(f"There is no exercise {exercise!r}. There are: {', '.join(_ANSWERS)}.")
    right, hint = _ANSWERS[exercise]
    if answer is ...:
        print(f"Exercise {exercise}: put your answer in place of the dots.")
        return
    try:
        passed = bool(right(answer))
    except (TypeError, ValueError):
        passed = False
    print(f"Exercise {exercise}: right." if passed else f"Exercise {exercise}: not yet. {hint}")


def _number(expected: float, tolerance: float = 0.01) -> Callable[[object], bool]:
    return lambda answer: math.isclose(float(answer), expected, rel_tol=tolerance)  # type: ignore[arg-type]  # float() raises for anything that is not a number


def _word(*expected: str) -> Callable[[object], bool]:
    return lambda answer: str(answer).strip().lower() in expected


_ANSWERS: dict[str, tuple[Callable[[object], bool], str]] = {
    "1.1": (_number(160), "One kernel of 3x3 for each of the 16 output channels, and one offset for each."),
    "1.2": (_number(16_793_600), "Every one of 32·32 inputs is connected with every one of 32·32·16 outputs. Add the offsets."),
    "1.3": (_number(16), "A map of n pixels at stride s has ceil(n / s) pixels."),
    "2.1": (_number(110_592), "Three layers, each of 3·3·64·64 weights."),
    "2.2": (_number(11), "The first layer sees 3 pixels, and each further one adds 2."),
    "2.3": (_number(9), "Which odd number is the side of the square that four 3x3 layers see?"),
    "3.1": (_number(118_784), "256·64 for the reduction, then 5·5·64·64."),
    "3.2": (_number(6_422_528), "256 maps of 7x7 pixels, each connected with 512 units."),
    "3.3": (_number(0), "Taking a mean needs no weights."),
    "4.1": (_number(20), "6·3 + 2."),
    "4.2": (_word("training", "train"), "Overfitting would show on the images that were held out. Which error does the paper's figure 1 show?"),
    "4.3": (_number(0), "A block that learns nothing should pass its input on, and x + f(x) = x needs f(x) = ..."),
    "5.1": (_number(1 / 9 + 1 / 64), "9·C + C² over 9·C², with C = 64."),
    "5.2": (_number(4), "Both the channels that go in and those that come out are halved."),
    "5.3": (_word("slower", "fewer"), "Compare the mult-adds per millisecond in the table above: are they more or fewer for depthwise layers?"),
    "6.1": (_number(8192), "Two dense layers, 256 to 16 and 16 to 256, without offsets."),
    "6.2": (_number(256), "One mean for each channel."),
    "6.3": (_word("sigmoid"), "Which activation gives numbers between 0 and 1 for each channel by itself?"),
    "7.1": (_number(10), "1 / (1 - 0.9)."),
    "7.2": (_number(100), "1 / (1 - 0.99)."),
    "7.3": (_number(0.1), "Constant gradients g add up to g / (1 - beta). Which rate without momentum takes a step as long as 0.01 with 0.9?"),
    "8.1": (_word("early stopping"), "It is the only one that looks at the held-out images while training."),
    "8.2": (_number(0.5), "Half of the values are set to zero."),
    "8.3": (_word("l1"), "Its slope is the same however small a weight is."),
    "9.1": (_number(1.92), "1.2 · 1.1² · 1.15²."),
    "9.2": (_number(3), "2 to the power of phi is 8."),
    "9.3": (_number(2), "Mult-adds grow with the square of the width."),
    "10.1": (_word("validation", "val"), "The test images are looked at once, at the very end."),
    "10.2": (_word("probe", "readout", "frozen"), "Which one needs the images only once, without learning any layer?"),
    "10.3": (_word("onnx"), "Three of the formats have four letters; this one is read by onnxruntime."),
}


def _quiet() -> None:
    """Leave out what libraries tell their developers."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


def _show_figures() -> None:
    """Show matplotlib's figures as pictures, also those that no pyplot made."""
    try:
        from IPython import get_ipython
        from IPython.core.pylabtools import select_figure_formats
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        select_figure_formats(shell, {"png"})


_quiet()
_show_figures()
