"""A model's description of itself, checked before anything relies on it: the card in a `.keras` file, and `model.json` beside other files.

Keys that are not known here are kept as they are.
"""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, ValidationError, ValidationInfo

from automl_cnn.data.fit import Fit
from automl_cnn.data.levels import Levels
from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.quantities import bytes_, shown
from automl_cnn.tasks import TASKS, Multiclass, Regression, TaskName

MOST_PIXELS = 4096  # of a side
MOST_CLASSES = 100_000
MOST_JSON = 16_000_000  # bytes of a model.json


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _unicode(value: str) -> str:
    value.encode("utf-8")  # a lone surrogate is a ValueError
    return value


def _distinct(names: list[str], info: ValidationInfo) -> list[str]:
    least = TASKS[info.data.get("task", Multiclass.name)].least
    if not least <= len(names) <= MOST_CLASSES:
        raise ValueError(f"expected {least} to {MOST_CLASSES:,} classes")
    if len(set(names)) < len(names):
        twin = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"the class {shown(twin)} comes twice")
    return names


def _one_each(thresholds: list[float] | None, info: ValidationInfo) -> list[float] | None:
    classes = info.data.get("classes")
    if thresholds is not None and classes is not None and len(thresholds) != len(classes):
        raise ValueError(f"expected {len(classes)} numbers, one for each of the classes")
    return thresholds


def _targets(targets: list[Stated] | None, info: ValidationInfo) -> list[Stated] | None:
    if info.data.get("task") != Regression.name:
        return targets
    classes = info.data.get("classes")
    if targets is None or (classes is not None and [target.name for target in targets] != classes):
        raise ValueError("expected a number for each of the classes, of the same name, with its unit, mean and sd")
    return targets


def _beside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or "\0" in name or ":" in name:
        raise ValueError("expected the name of a file beside it")
    return name


Text = Annotated[StrictStr, AfterValidator(_unicode)]
Number = Annotated[StrictInt | StrictFloat, AfterValidator(_finite)]
Side = Annotated[StrictInt, Field(ge=1, le=MOST_PIXELS)]
Share = Annotated[Number, Field(ge=0, le=1)]
Beside = Annotated[Text, AfterValidator(_beside)]


class Trained(BaseModel):
    """What a model was trained on, where that is more than what the scored one was."""

    model_config = ConfigDict(extra="allow")

    images: Annotated[StrictInt, Field(ge=0)]
    scored_images: Annotated[StrictInt, Field(ge=0)]
    splits: list[Literal["train", "val", "test"]]


class Stated(BaseModel):
    """A number that the model answers: its name, its unit, and the mean and standard deviation of the training images."""

    model_config = ConfigDict(extra="allow")

    name: Text
    unit: Text = ""
    mean: Number
    sd: Annotated[Number, Field(gt=0)]


class Within(BaseModel):
    """How wide the prediction intervals are: half the width by number, in its unit, and the share of truths that are to lie within."""

    model_config = ConfigDict(extra="allow")

    level: Annotated[Number, Field(gt=0, lt=1)]
    half_widths: list[Annotated[Number, Field(ge=0)]]


def _one_interval_each(intervals: Within | None, info: ValidationInfo) -> Within | None:
    if intervals is not None:
        _one_each(intervals.half_widths, info)
    return intervals


class Card(BaseModel):
    """The card in a model file. A card without a task belongs to a model of classes."""

    model_config = ConfigDict(extra="allow")

    task: TaskName = Multiclass.name
    classes: Annotated[list[Text], AfterValidator(_distinct)]
    size: Side
    channels: Literal[1, 3]
    stored: Side | None = None
    temperature: Annotated[Number, Field(gt=0)] | None = None
    thresholds: Annotated[list[Share] | None, AfterValidator(_one_each)] = None
    targets: Annotated[list[Stated] | None, AfterValidator(_targets), Field(validate_default=True)] = None
    intervals: Annotated[Within | None, AfterValidator(_one_interval_each)] = None
    levels: dict[str, Any] | None = None
    fit: Fit = "squash"
    study: Text | None = None
    trial: StrictInt | None = None
    metric: Text | None = None
    val_score: Number | None = None
    val_interval: tuple[Number, Number] | None = None
    refit: Trained | None = None
    params: StrictInt | None = None
    mult_adds: StrictInt | None = None
    configuration: dict[Text, Any] | None = None
    versions: dict[Text, Text] | None = None


class Entry(BaseModel):
    """A model file, as model.json names it."""

    model_config = ConfigDict(extra="allow")

    file: Beside
    format: Text
    precision: Text
    sha256: dict[Beside, Text] = {}


class Described(Card):
    """What a model.json says."""

    models: list[Entry] = []


def card_of(content: bytes, path: Path) -> dict[str, Any]:
    """The card of the model file `path`, whose JSON is `content`.

    Raises:
        StoreError: it is not a card; the message says what is wrong with it.
    """
    return _checked(content, Card, f"The card in {path}", "Expected a model written by `automl-cnn search`; copy it again, or search again.")


def described(path: Path) -> dict[str, Any]:
    """What the model.json `path` says.

    Raises:
        StoreError: it is missing or does not describe a model; the message says what is wrong with it.
    """
    try:
        if path.exists() and not path.is_file():
            raise StoreError(f"{path} is not a file. Expected the model.json that `automl-cnn export` writes.")
        with path.open("rb") as file:
            content = file.read(MOST_JSON + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"{path}, which describes the model's classes and input, cannot be read: {why}. Keep it beside the model.") from None
    if len(content) > MOST_JSON:
        raise StoreError(f"{path} is larger than {bytes_(MOST_JSON)}. Expected one written by `automl-cnn export`.")
    return _checked(content, Described, str(path), "Expected one written by `automl-cnn export`; export the model again.")


def _checked(content: bytes, kind: type[Card], what: str, do: str) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{what} cannot be read: {'its values are nested too deeply' if isinstance(error, RecursionError) else error}. {do}") from None
    if not isinstance(values, dict):
        raise StoreError(f"{what} is a {type(values).__name__}, not a table of values. {do}")
    try:
        kind.model_validate(values)
        Levels.from_dict(values.get("levels"))
    except ValidationError as error:
        if missing := [".".join(map(str, one["loc"])) for one in error.errors() if one["type"] == "missing"]:
            raise StoreError(f"{what} lacks {', '.join(sorted(missing))}. {do}") from None
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        message = str(problem["msg"]).removeprefix("Value error, ")
        raise StoreError(f"{what} cannot be used: '{place}' is {shown(problem['input'])}; {message}. {do}") from None
    except (AutomlCnnError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{what} cannot be used: 'levels' is {shown(values.get('levels'))} ({type(error).__name__}). {do}") from None
    return values
