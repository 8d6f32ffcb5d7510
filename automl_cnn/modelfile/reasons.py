"""Why a library refused a model, in a sentence: the reason at the bottom of its message, not the wrapping around it."""

from __future__ import annotations

import re

MOST = 300  # characters
_MARK = "Exception encountered:"


def reason(error: BaseException) -> str:
    """The reason of an error of Keras or a runtime."""
    text = str(error).rsplit(_MARK, 1)[-1]
    text = " ".join(re.sub(r"(config=|Full object config:) *\{.*", "", text, flags=re.DOTALL).split()).strip("'\" ").rstrip(".") or type(error).__name__
    if "lambda" in text.lower() and "arbitrary code" in text:
        return "it holds a Lambda layer, whose Python code would have to be run; code in a model file is never run"
    return text if len(text) <= MOST else f"{text[: MOST - 1].rsplit(' ', 1)[0]} …"
