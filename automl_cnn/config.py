"""What a user may set: flags override study.toml, which overrides the defaults here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError, model_validator

from automl_cnn import databases, paths, quantities, urls
from automl_cnn.databases import Database
from automl_cnn.errors import ConfigError
from automl_cnn.flags import DATA, DEPLOY, ENGINE, LIMITS, SPACE, Flag
from automl_cnn.places import moved, store_of, store_path
from automl_cnn.toml_file import read_toml
from automl_cnn.urls import HTTP, Url

Metric = Literal[
    "accuracy", "balanced_accuracy", "f1", "auc", "quadratic_kappa", "mean_average_precision", "micro_f1", "subset_accuracy", "rmse", "mae", "r2", "spearman"
]
Fit = Literal["auto", "squash", "pad", "crop"]  # auto, and those of automl_cnn.data.fit
METRICS: tuple[Metric, ...] = get_args(Metric)
OF_CLASSES: tuple[Metric, ...] = ("accuracy", "balanced_accuracy", "f1", "auc")  # where an image has one class; as in automl_cnn.tasks
OF_LABELS: tuple[Metric, ...] = ("mean_average_precision", "f1", "micro_f1", "subset_accuracy", "auc")  # where it may have several labels
OF_NUMBERS: tuple[Metric, ...] = ("rmse", "mae", "r2", "spearman")  # where it has numbers
AUTOMATIC = (
    "Default: accuracy; balanced_accuracy where always answering the most frequent class gets half-way from chance to 1 "
    "(with two classes, three quarters of the training images); quadratic_kappa with --ordered; mean_average_precision where an image may have several labels; "
    "rmse where it has numbers."
)
WHAT_IS_BEST = (
    f"What is best: {', '.join(OF_CLASSES)}; of classes with an order, quadratic_kappa too; where an image may have several labels, "
    f"{', '.join(OF_LABELS)}; where it has numbers, {', '.join(OF_NUMBERS)}. {AUTOMATIC}"
)
SAMPLERS: dict[str, tuple[str, ...]] = {
    "optuna": ("tpe", "gp", "cmaes", "nsga2", "nsga3", "random"),
    "keras-tuner": ("bayesian", "hyperband", "random", "grid"),
}  # by engine, the default first
COSTS = {"latency": "latency", "mult_adds": "mult_adds", "params": "params", "size": "bytes"}  # objectives beside the metric -> fields of a `Trial`
SINGLE = ("cmaes",)  # samplers that know one objective only
PRUNERS: dict[str, tuple[str, ...]] = {"optuna": ("percentile", "median", "hyperband", "successive_halving", "none"), "keras-tuner": ("none",)}
DEFAULT_BUDGET = 600.0
MOST = 10**9  # upper limit of any count
NAME = r"^[\w][\w .-]{0,79}$"


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def objectives(value: object) -> object:
    """`"accuracy,latency"` or a list of names as a tuple: a metric, then costs.

    Raises:
        ValueError: a name is unknown, comes twice, or no metric comes first.
    """
    names = _names(value)
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        return value
    names = tuple(name.strip().lower().replace("-", "_") for name in names)
    expected = f"received {', '.join(names) or 'nothing'}; expected one of {', '.join(METRICS)}, then one or more of {', '.join(COSTS)}, as in accuracy,latency"
    if not names or names[0] not in METRICS:
        raise ValueError(f"the first objective is the metric that the winner is chosen by; {expected}")
    if unknown := [name for name in names[1:] if name not in COSTS]:
        also = " (there is one metric alone)" if unknown[0] in METRICS else ""
        raise ValueError(f"there is no objective {unknown[0]!r} beside the metric{also}; {expected}")
    if len(set(names)) < len(names):
        raise ValueError(f"an objective comes twice; {expected}")
    return names


Images = Annotated[Path | Url, PlainValidator(paths.location), PlainSerializer(paths.written, when_used="json")]
File = Annotated[Path, BeforeValidator(paths.read), PlainSerializer(paths.written, when_used="json")]
Folder = Annotated[Path, BeforeValidator(store_path), PlainSerializer(paths.written, when_used="json")]
Record = Annotated[Database, PlainValidator(databases.parse), PlainSerializer(lambda database: database.text, when_used="json")]
Server = Annotated[Url, PlainValidator(urls.server), PlainSerializer(str, when_used="json")]
Whole = Annotated[int, BeforeValidator(quantities.whole)]
Workers = Annotated[int | Literal["auto"], BeforeValidator(quantities.workers)]
Share = Annotated[float, BeforeValidator(quantities.plain), Field(ge=0.05, le=0.4, allow_inf_nan=False)]
Seconds = Annotated[float, BeforeValidator(quantities.seconds)]
Count = Annotated[float, BeforeValidator(quantities.count)]
Size = Annotated[float, BeforeValidator(quantities.size)]
Milliseconds = Annotated[float, BeforeValidator(quantities.milliseconds)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Objectives = Annotated[tuple[str, ...], BeforeValidator(objectives)]


def _either(by_engine: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{engine}: {', '.join(names)}" for engine, names in by_engine.items()) + " (the first is the default)."


class StudyConfig(BaseModel):
    """One study's settings. Every field is a key of study.toml and a flag of `automl-cnn search`, which is made of its `Flag`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[
        Images,
        Flag(
            "A folder with one subfolder of images per class, an archive of one, or a table (CSV, JSON lines, Parquet) with a path and a label, or several; "
            "a path, or a URL such as s3://bucket/photos.",
            DATA,
            identity=True,
            placeholder="PATH|URL",
        ),
    ]
    columns: Annotated[
        str | None, Field(min_length=1), Flag("The columns of a table, where they are called otherwise: path=file,label=species,group=patient.", DATA)
    ] = None
    budget: Annotated[Seconds | None, Flag("Time for the whole command: 90s, 10m, 1h30m (default: 10m, unless --trials is given).", LIMITS)] = None
    trials: Annotated[Whole | None, Field(ge=1, le=MOST), Flag("The number of trials at most.", LIMITS, int)] = None
    workers: Annotated[
        Workers,
        Flag(
            "Trials at a time, each in a process of its own with its part of the cores, or with a GPU of its own: auto or a number. auto: one for each "
            "GPU; on a cluster, as many as it has room for; on CPUs one, or several where images are small and time is limited. With one, the same seed gives "
            "the same trials; with several, what is tried depends on which trial ends first.",
            LIMITS,
        ),
    ] = "auto"
    executor: Annotated[
        Literal["local", "ray"],
        Flag(
            "Where trials are trained: local (this machine), or ray (the nodes of a Ray cluster, which need automl-cnn[ray]). This machine checks the images, "
            "and scores and refits the winner.",
            LIMITS,
        ),
    ] = "local"
    address: Annotated[
        str | None,
        Field(min_length=1),
        Flag(
            "The Ray cluster: HOST:PORT, auto for the one that runs on this machine, or local to start one here for this search alone (default: RAY_ADDRESS, "
            "else auto, else local).",
            LIMITS,
            placeholder="HOST:PORT",
        ),
    ] = None
    cpus_per_trial: Annotated[
        Whole | None, Field(ge=1, le=MOST), Flag("CPUs of a node for each trial (default: those of a node, or its share for each GPU).", LIMITS, int)
    ] = None
    gpus_per_trial: Annotated[
        float | None,
        BeforeValidator(quantities.plain),
        Field(ge=0, le=1024),
        Flag("GPUs of a node for each trial (default: 1 where there are any).", LIMITS, float),
    ] = None
    exchange: Annotated[
        Images | None,
        Flag(
            "A folder that all nodes see at the same path, or a URL such as s3://bucket/automl-cnn, through which decoded images and models travel "
            "(default: a folder in the store).",
            LIMITS,
            placeholder="FOLDER|URL",
        ),
    ] = None
    max_epochs: Annotated[Whole, Field(ge=1, le=MOST), Flag("Epochs a trial may take.", LIMITS, int)] = 60
    seed: Annotated[Whole, Field(ge=0, lt=2**31), Flag("The seed of splits, proposals and training.", LIMITS, int, identity=True)] = 0
    name: Annotated[str | None, Field(pattern=NAME), Flag("The study's name; the same name goes on where it ended.", LIMITS)] = None
    store: Annotated[Folder, Flag("The folder that holds the studies.", LIMITS, Path, placeholder="FOLDER")] = Path("automl-cnn-runs")
    storage: Annotated[
        Record | None,
        Flag(
            "A PostgreSQL database for the record, so that several people can watch a study and another machine can take it over: "
            "postgresql+psycopg://user@host/database (default: a file in the store). The password is read from PGPASSWORD or ~/.pgpass.",
            LIMITS,
            placeholder="URL",
        ),
    ] = None
    mlflow_uri: Annotated[
        Server | None,
        Flag(
            "A team's MLflow server instead of the MLflow database in the store: http://mlflow.example:5000. User and password are read from "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
            LIMITS,
            placeholder="URL",
        ),
    ] = None
    max_disk: Annotated[Size | None, Flag("What the study keeps at most, with its share of the image cache and its MLflow artifacts: 2GB.", LIMITS)] = None
    max_pixels: Annotated[
        Count | None,
        Flag("Pixels of the largest image that is decoded; larger ones are left out and named (default: 40M).", LIMITS, variable="AUTOML_CNN_MAX_PIXELS"),
    ] = None  # None: what data.guard.limit says
    val_share: Annotated[Share, Flag("Share of the images for validation.", DATA, float, identity=True)] = 0.15
    test_share: Annotated[Share, Flag("Share of the images scored once, at the end.", DATA, float, identity=True)] = 0.15
    group_by: Annotated[
        str | None,
        Field(min_length=1),
        Flag(
            "Keep groups on one side of every split: auto (by file names or the times in the files), or a pattern whose part in brackets a group shares, "
            "as in '(person\\d+)'.",
            DATA,
            identity=True,
        ),
    ] = None
    fit: Annotated[
        Fit,
        Flag(
            "How photos become square. squash: both sides are resized, so that shapes change; pad: between gray bars; crop: the square in the middle; auto: "
            "squash, and what reads best of the three if the shapes are extreme.",
            DATA,
            identity=True,
            shows=False,
        ),
    ] = "auto"
    task: Annotated[
        Literal["multiclass", "multilabel", "regression"] | None,
        Flag(
            "What is asked: multiclass (one class for each image), multilabel (any number of labels) or regression (one or several numbers). Default: "
            "multilabel where a table has several labels in a cell, as in cat|dog (| alone: none), or no column of labels but one of zeros and ones for each "
            "label; regression where labels are numbers that cannot be classes: some are not whole numbers, or most are on fewer than three images.",
            DATA,
            identity=True,
        ),
    ] = None
    ordered: Annotated[
        Names | None,
        Flag(
            "The classes from the lowest to the highest, where they have an order: low,medium,high. Models are then chosen by quadratic kappa, to which a "
            "near miss is better than a far one.",
            DATA,
            identity=True,
            placeholder="NAMES",
        ),
    ] = None
    drop_leaks: Annotated[
        bool, Flag("Leave training images out that a validation or test image of the folder is a version of.", DATA, bool, identity=True, shows=False)
    ] = False
    labels: Annotated[File | None, Flag("A list of labels to change and images to leave out, as `automl-cnn check --fix FILE` writes it.", DATA, Path)] = None
    class_weights: Annotated[Literal["auto", "on", "off"], Flag("auto, on or off: weigh rare classes up.", DATA, identity=True)] = "auto"
    loss: Annotated[
        Literal["squared", "huber"],
        Flag("What networks that answer numbers minimize: squared, or huber, which a few numbers far off do not rule.", DATA, identity=True),
    ] = "squared"
    metric: Annotated[Metric | None, Flag(WHAT_IS_BEST, DATA, identity=True)] = None  # None: what suits the images, see automl_cnn.metrics.suited
    objectives: Annotated[
        Objectives | None,
        Flag(
            f"Several at once give a Pareto front: the metric, then {', '.join(COSTS)}, as in accuracy,latency.",
            DATA,
            identity=True,
            names=("--objective", "--objectives"),
        ),
    ] = None  # the metric, then costs; None where the metric alone counts
    architectures: Annotated[Names | None, Flag("Only these, as in vgg,resnet (default: all).", SPACE, identity=True)] = None
    optimizers: Annotated[Names | None, Flag("Only these (default: all).", SPACE, identity=True)] = None
    regularizers: Annotated[Names | None, Flag("Only these (default: all).", SPACE, identity=True)] = None
    pretrained: Annotated[
        str,
        Field(pattern=r"^[\w./-]+$"),
        Flag("Weights to begin with: auto (those on this machine), none, or a name such as lite0.", SPACE, identity=True),
    ] = "auto"
    weights: Annotated[File | None, Flag("A file with the weights that --pretrained NAME names.", SPACE, Path, identity=True)] = None
    max_resolution: Annotated[Whole, Field(ge=8, le=1024), Flag("Largest input, in pixels.", SPACE, int, identity=True)] = 288
    scaling: Annotated[
        Literal["auto", "compound", "off"],
        Flag("auto: scale the best network up where more capacity may help; compound: always, and search along phi; off.", SPACE, identity=True),
    ] = "auto"
    plugins_dir: Annotated[File | None, Flag("A folder of plugins of your own (.py files).", SPACE, Path, variable="AUTOML_CNN_PLUGINS_DIR")] = None
    max_params: Annotated[Count | None, Flag("The number of parameters at most: 500k, 1.5M.", DEPLOY, identity=True)] = None
    max_mult_adds: Annotated[Count | None, Flag("The multiply-accumulates for an image at most: 300M.", DEPLOY, identity=True)] = None
    max_size: Annotated[Size | None, Flag("The model file's size at most: 5MB.", DEPLOY, identity=True)] = None
    max_latency: Annotated[Milliseconds | None, Flag("The time for one image at most, on this machine: 20ms.", DEPLOY, identity=True)] = None
    folds: Annotated[
        Whole | None,
        Field(ge=3, le=20),
        Flag("Cross-validate the winner's recipe over every image, for sets so small that one test split says little: 5.", DATA, int),
    ] = None
    ensemble: Annotated[Literal["auto", "off"], Flag("auto or off: one model of up to three networks, where they are better together.", DEPLOY)] = "auto"
    refit: Annotated[
        Literal["auto", "all", "train", "off"],
        Flag(
            "After the test score, train the winner's recipe again. auto: on every image, or on training and validation images if the test images "
            "came in a folder of their own; all: on every image; train: on training and validation images; off.",
            DEPLOY,
        ),
    ] = "auto"
    guided: Annotated[Literal["on", "off"], Flag("on or off: trials that change one thing, as the diagnosis of the best ones asks for.", ENGINE)] = "off"
    engine: Annotated[Literal["optuna", "keras-tuner"], Flag(f"{' or '.join(SAMPLERS)}.", ENGINE, identity=True)] = "optuna"
    sampler: Annotated[str, Flag(f"How configurations are chosen. {_either(SAMPLERS)}", ENGINE, identity=True, shows=False)] = SAMPLERS["optuna"][0]
    pruner: Annotated[str, Flag(f"Which trials are stopped half-way. {_either(PRUNERS)}", ENGINE, identity=True, shows=False)] = PRUNERS["optuna"][0]

    @property
    def scored_by(self) -> Metric:
        """The metric; accuracy where none is set and the images are not known yet."""
        return self.metric or METRICS[0]

    @model_validator(mode="after")
    def _of_a_cluster(self) -> StudyConfig:
        if self.executor == "local":
            for name in ("address", "cpus_per_trial", "gpus_per_trial", "exchange"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} belongs to a cluster: add executor = ray, or leave {name} out")
        elif self.address is not None and "://" in self.address:
            raise ValueError(
                f"address = {self.address}: expected HOST:PORT, as `ray start --head` prints it, auto or local. Ray's client (ray://) is not used: run this "
                "on a node of the cluster"
            )
        elif isinstance(self.exchange, Url) and self.exchange.scheme in HTTP:
            raise ValueError(f"exchange = {self.exchange}: nothing can be written to a web address; expected a folder, or a URL such as s3://bucket/automl-cnn")
        return self

    @model_validator(mode="after")
    def _weights_of_what(self) -> StudyConfig:
        if self.weights is not None and self.pretrained in ("auto", "none"):
            raise ValueError(f"weights = {self.weights} needs pretrained = NAME, which says what network they are for (automl-cnn plugins show ARCHITECTURE)")
        return self

    @model_validator(mode="before")
    @classmethod
    def _engines_own(cls, values: Any) -> Any:
        """Fill in an unset sampler or pruner with the engine's default."""
        if not isinstance(values, dict) or values.get("engine", "optuna") not in tuple(SAMPLERS):  # a tuple takes what cannot be hashed too
            return values
        engine = values.get("engine", "optuna")
        if values.get("objectives") and values.get("pruner") is None:
            values = {**values, "pruner": "none"}
        return {**values, **{key: known[engine][0] for key, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)) if values.get(key) is None}}

    @model_validator(mode="after")
    def _known_to_the_engine(self) -> StudyConfig:
        for key, value, known in (("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS)):
            if value in known[self.engine]:
                continue
            if key == "pruner" and self.engine == "keras-tuner":
                raise ValueError(f"pruner = {value}: KerasTuner's oracles cannot stop a trial half-way; leave the pruner out, or set engine = optuna")
            others = [engine for engine in known if value in known[engine]]
            whose = f", which belongs to engine = {others[0]}" if others else ""
            raise ValueError(f"the engine {self.engine} has no {key} {value!r}{whose}; expected one of {', '.join(known[self.engine])}")
        return self

    @model_validator(mode="after")
    def _several_at_once(self) -> StudyConfig:
        setting = f"objectives = {', '.join(self.objectives or ())}"
        if self.objectives and self.engine != "optuna":
            raise ValueError(f"{setting}: KerasTuner's oracles know one objective only; leave the engine out (engine = optuna), or name one objective")
        if self.objectives and self.sampler in SINGLE:
            able = ", ".join(name for name in SAMPLERS[self.engine] if name not in SINGLE)
            raise ValueError(f"{setting}: the sampler {self.sampler} knows one objective only; choose one of {able}, or name one objective")
        if self.objectives and self.pruner != "none":
            raise ValueError(f"{setting}: which trial is hopeless is not defined for several objectives; leave pruner = {self.pruner} out")
        return self

    @model_validator(mode="before")  # before _engines_own, which asks for the objectives: pydantic runs the last one first
    @classmethod
    def _metric_first(cls, values: Any) -> Any:
        """The first objective is the metric. An objective without a cost becomes the metric, and the list becomes None."""
        if not isinstance(values, dict) or values.get("objectives") is None:
            return values
        names = objectives(values["objectives"])
        if not isinstance(names, tuple):
            return values  # its field says what is wrong
        if values.get("metric") not in (None, names[0]):
            raise ValueError(f"objectives = {', '.join(names)} begins with another metric than metric = {values['metric']}; leave one of them out")
        return {**values, "metric": names[0], "objectives": names if len(names) > 1 else None}

    @model_validator(mode="before")
    @classmethod
    def _some_limit(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("budget") is None and values.get("trials") is None:
            return {**values, "budget": DEFAULT_BUDGET}
        return values


def study_config(settings: dict[str, Any], file: Path | None = None) -> StudyConfig:
    """The validated settings: `settings` (None stands for "not given") over those of the TOML `file`.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or out of range.
    """
    merged = moved(read_toml(file), store_of(file)) if file is not None else {}
    merged.update({key: value for key, value in settings.items() if value is not None})
    if "data" not in merged:
        raise ConfigError("No images were named. Pass --data FOLDER (a folder with one subfolder per class).")
    try:
        return StudyConfig(**merged)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(dict(problem), file) for problem in error.errors())) from None


def _sentence(problem: dict[str, Any], file: Path | None) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "settings"
    where = f" (from {file} or a flag)" if file else ""
    if problem["type"] == "extra_forbidden":
        known = ", ".join(StudyConfig.model_fields)
        return f"Unknown setting '{place}'{where}. Known: {known}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:  # of several settings at once, which it names
        return f"{message}{where}."
    given = problem["input"]
    if place == "storage":
        return f"{place}{where}: received {databases.hidden(str(given))[:200]!r}; {message}."
    return f"{place}{where}: received {quantities.shown(urls.hidden(str(given)) if isinstance(given, (str, Path)) else given)}; {message}."
