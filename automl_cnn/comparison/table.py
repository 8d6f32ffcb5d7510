"""study.toml -> `Comparison`: which networks are compared, on which images, how often and how long.

    title = "Three 3x3 convolutions or one 7x7"
    question = "Both see 7x7 pixels. Which is more accurate, and which costs less?"
    claim = "Three 3x3 layers have 27C² weights, one 7x7 layer 49C². They are at least as accurate."
    source = "Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556"
    figure = "5x5 in place of pairs of 3x3: 7 points worse"      # the paper's
    measures = ["accuracy", "params", "mult_adds"]               # the first is plotted
    epochs = 12
    seeds = [0, 1, 2]
    reference = "three 3x3"                                      # what the others are compared with

    [set]                                # of every network
    architecture = "vgg"
    resolution = 32

    [[compare]]
    name = "three 3x3"
    set = { "vgg.kernel" = 3 }

    [[compare]]
    name = "one 7x7"
    set = { "vgg.kernel" = 7 }

    [images.digits]                      # scikit-learn's; others by AUTOML_CNN_IMAGE_SETS or --images NAME=FOLDER
    train = 900
    held_out = 600

`[[along]]` varies a second thing, such as depth, for each of the compared. `at` is its number on the plot's axis, and `only` has
settings for one of the compared. `match` chooses a multiplier such that a network costs as much as another one. `[quick]` is a
run of a minute. A folder `plugins` beside the file holds plugins that the study brings along.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from automl_cnn.errors import ConfigError, did_you_mean
from automl_cnn.quantities import shown
from automl_cnn.space import Scalar

FILE = "study.toml"
FOLDER = Path("studies")
PLUGINS = "plugins"
Measure = Literal[
    "accuracy", "error", "last_accuracy", "train_accuracy", "train_error", "gap", "loss", "train_loss", "params", "mult_adds", "milliseconds", "seconds"
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
Way = Literal["width", "depth", "resolution", "compound"]
Value = StrictBool | StrictInt | StrictFloat | StrictStr
Name = Annotated[str, Field(min_length=1, max_length=60)]
Count = Annotated[int, Field(ge=1, le=10**7)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    """Make a network cost `times` as much as the network `to` on the same images and point, by one multiplier or by all three.

    `of` is what is made equal: the mult-adds, or the milliseconds for one image on this machine.
    """

    to: Name
    by: Way = "width"
    times: float = Field(1.0, gt=0, le=1000)
    of: Literal["mult_adds", "milliseconds"] = "mult_adds"


class _Entry(_Strict):
    name: Name
    set: dict[str, Value] = {}
    train: Count | None = None
    epochs: Epochs | None = None


class _Compared(_Entry):
    match: Match | None = None


class _Along(_Entry):
    at: float | None = None
    only: dict[str, dict[str, Value]] = {}  # settings for one of the compared alone


class _Images(_Strict):
    train: Count | None = None
    held_out: Count | None = None
    epochs: Epochs | None = None
    along: tuple[Name, ...] | None = None  # the points that are trained on these images, if not all
    set: dict[str, Value] = {}


class _Quick(_Strict):
    images: Name = "digits"
    train: Count = 60
    held_out: Count = 60
    epochs: Epochs = 1
    seeds: Seeds = (0,)
    compare: tuple[Name, ...] | None = None
    along: tuple[Name, ...] | None = None
    set: dict[str, Value] = {}


class _File(_Strict):
    title: Name
    question: str
    claim: str = ""
    source: str = ""
    figure: str = ""
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = ("accuracy", "params", "mult_adds")
    axis: str = ""
    epochs: Epochs = 12
    seeds: Seeds = (0, 1, 2)
    reference: Name | None = None
    pretrained: str = "none"
    set: dict[str, Value] = {}
    compare: Annotated[tuple[_Compared, ...], Field(min_length=1)]
    along: tuple[_Along, ...] = ()
    images: Annotated[dict[str, _Images], Field(min_length=1)]
    quick: _Quick = _Quick()


@dataclass(frozen=True)
class ImageSet:
    """The images of one part of a comparison: `train` to learn from and `held_out` to judge by; None is all there are."""

    name: str
    train: int | None
    held_out: int | None


@dataclass(frozen=True)
class Network:
    """One network of a comparison on one image set. `series` is what is compared, `point` what else is varied, with the number `at`."""

    series: str
    point: str
    at: float | None
    values: Mapping[str, Scalar]
    images: ImageSet
    epochs: int
    match: Match | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What a row of results is known by, beside its seed."""
        return self.images.name, self.series, self.point

    @property
    def recipe(self) -> str:
        """A digest of all that decides how it is trained; it differs where a result no longer belongs to the table."""
        match = self.match.model_dump() if self.match else None
        parts = [sorted(self.values.items()), self.images.train, self.images.held_out, self.epochs, match]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """What is compared. `networks` has every network on every image set; `folder` is where results go; `quick` marks a run of a minute, which keeps none."""

    name: str
    folder: Path
    title: str
    question: str
    claim: str
    source: str
    figure: str
    measures: tuple[Measure, ...]
    axis: str
    seeds: tuple[int, ...]
    reference: str
    pretrained: str
    networks: tuple[Network, ...]
    quick: bool = False
    plugins: Path | None = None  # a folder of plugins that the study brings along

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        """The image sets, in the order of the file."""
        return tuple(dict.fromkeys(network.images for network in self.networks))

    @property
    def series(self) -> tuple[str, ...]:
        """What is compared."""
        return tuple(dict.fromkeys(network.series for network in self.networks))

    @property
    def points(self) -> tuple[str, ...]:
        """What else is varied; one empty name where nothing is."""
        return tuple(dict.fromkeys(network.point for network in self.networks))

    def on(self, images: ImageSet) -> tuple[Network, ...]:
        """The networks that are trained on one image set."""
        return tuple(network for network in self.networks if network.images == images)


def load(where: str | Path, *, quick: bool = False, seeds: Sequence[int] | None = None) -> Comparison:
    """The comparison in a folder, or in a study.toml, or of a name in ./studies. `quick` is the run of a minute, `seeds` replaces those of the file.

    Raises:
        ConfigError: there is none, or it is not valid; the message says where and what was expected.
    """
    file = find(where)
    try:
        parsed = _File(**tomllib.loads(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(dict(problem), file) for problem in error.errors())) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, or no TOML
        raise ConfigError(f"{file} is not valid TOML: {error}.") from None
    _check(parsed, file)
    return _comparison(parsed, file, quick=quick, seeds=tuple(seeds) if seeds is not None else None)


def find(where: str | Path) -> Path:
    """The study.toml of a name, a folder or a file.

    Raises:
        ConfigError: there is none; the message names those there are.
    """
    for candidate in (Path(where), FOLDER / where):
        file = candidate / FILE if candidate.is_dir() else candidate
        if file.is_file() and file.suffix == ".toml":
            return file
    known = available()
    there = f"Here are: {', '.join(known)}." if known else f"There is no folder {FOLDER} with studies here."
    raise ConfigError(f"No study '{where}' was found. Expected a folder with a {FILE}, or the name of one in {FOLDER}. {there}")


def available(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of the studies in a folder."""
    return tuple(sorted(file.parent.name for file in folder.glob(f"*/{FILE}")))


def _check(parsed: _File, file: Path) -> None:
    """Names that refer to others must refer to something, and nothing may have two meanings."""
    series, points = [entry.name for entry in parsed.compare], [entry.name for entry in parsed.along]
    for kind, names in (("compare", series), ("along", points)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"{file}: {kind} has the name '{twice[0]}' twice. Give each a name of its own.")
    references = [("reference", parsed.reference, series)]
    references += [(f"match of '{entry.name}'", entry.match.to, series) for entry in parsed.compare if entry.match]
    references += [("quick.compare", name, series) for name in parsed.quick.compare or ()]
    references += [("quick.along", name, points) for name in parsed.quick.along or ()]
    references += [(f"images.{chosen}.along", name, points) for chosen, images in parsed.images.items() for name in images.along or ()]
    references += [(f"only of '{entry.name}'", name, series) for entry in parsed.along for name in entry.only]
    for place, name, names in references:
        if name is not None and name not in names:
            raise ConfigError(f"{file}: {place} names '{name}', which is not there. {did_you_mean(name, names)}")
    matched = {entry.name: entry.match for entry in parsed.compare}
    for entry in parsed.compare:
        if entry.match is not None and matched[entry.match.to] is not None:
            raise ConfigError(f"{file}: '{entry.name}' matches '{entry.match.to}', which matches another one itself. Match one with a cost of its own.")


def _comparison(parsed: _File, file: Path, *, quick: bool, seeds: tuple[int, ...] | None) -> Comparison:
    name = file.resolve().parent.name if file.name == FILE else file.stem
    short = parsed.quick
    compared = [entry for entry in parsed.compare if not quick or short.compare is None or entry.name in short.compare]
    along: list[_Along | None] = [entry for entry in parsed.along if not quick or short.along is None or entry.name in short.along]
    images = {short.images: parsed.images.get(short.images, _Images())} if quick else parsed.images
    networks = []
    for set_name, chosen in images.items():
        here = [point for point in along if chosen.along is None or quick or (point is not None and point.name in chosen.along)]
        for point in here or [None]:
            for entry in compared:
                train = next((size for size in (entry.train, point.train if point else None, chosen.train) if size is not None), None)
                epochs = next((size for size in (entry.epochs, point.epochs if point else None, chosen.epochs) if size is not None), parsed.epochs)
                held_out = chosen.held_out
                values = {**parsed.set, **chosen.set, **(point.set if point else {}), **entry.set, **(point.only.get(entry.name, {}) if point else {})}
                if quick:
                    train, held_out, epochs = min(short.train, train or short.train), short.held_out, short.epochs
                    values.update(short.set)
                if "architecture" not in values:
                    raise ConfigError(f"{file}: '{entry.name}' names no architecture. Expected architecture = \"...\" in its set, or in [set].")
                at = point.at if point else None
                networks.append(Network(entry.name, point.name if point else "", at, values, ImageSet(set_name, train, held_out), epochs, entry.match))
    return Comparison(
        name=name,
        folder=file.resolve().parent,
        title=parsed.title,
        question=parsed.question,
        claim=parsed.claim,
        source=parsed.source,
        figure=parsed.figure,
        measures=parsed.measures,
        axis=parsed.axis,
        seeds=seeds or (short.seeds if quick else parsed.seeds),
        reference=parsed.reference or parsed.compare[0].name,
        pretrained=parsed.pretrained,
        networks=tuple(networks),
        quick=quick,
        plugins=own if (own := file.resolve().parent / PLUGINS).is_dir() else None,
    )


def _sentence(problem: dict[str, Any], file: Path) -> str:
    """One thing that is wrong with a file, in a sentence."""
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {"compare": _Compared, "along": _Along, "images": _Images, "quick": _Quick}
        model = models.get(str(problem["loc"][0]), _File) if len(problem["loc"]) > 1 else _File
        return f"{file}: unknown key '{place}'. {did_you_mean(str(problem['loc'][-1]), model.model_fields)}"
    if problem["type"] == "missing":
        return f"{file}: '{place}' is missing."
    return f"{file}: {place}: received {shown(problem['input'])}; {str(problem['msg'])[:200]}."
