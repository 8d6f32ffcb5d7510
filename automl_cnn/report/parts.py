"""The parts of a report as frozen data: text and numbers as shown, and charts as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from automl_cnn.evidence import Matrix
from automl_cnn.records import Finding

NOTHING = Markup("")
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tile:
    """A figure worth a large print."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A trial on the leaderboard."""

    rank: str
    trial: int
    network: str
    resolution: str
    params: str
    mult_adds: str
    epochs: str
    score: str
    margin: str
    time: str
    state: str
    judged: str = ""  # how the score was measured, where trials differ in that
    finding: str = ""
    severity: str = ""
    reason: str = ""
    winner: bool = False
    worker: str = ""  # that trained it, where there were several


@dataclass(frozen=True)
class Curves:
    """A trial's learning curves: its title, the charts, and what was found."""

    title: str
    charts: tuple[Markup, ...] = ()
    findings: tuple[Finding, ...] = ()
    note: str = ""
    story: str = ""  # the main finding in a paragraph
    clean: bool = False  # whether training scores are measured without augmentation and dropout


@dataclass(frozen=True)
class Cost:
    """Accuracy against one kind of cost."""

    words: str
    chart: Markup


@dataclass(frozen=True)
class Difference:
    """Trials with something against trials without it."""

    what: str
    tried: str
    difference: str
    interval: str
    sure: bool


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix. `rows` is empty if there are too many classes for a table, `chart` if there are few."""

    split: str
    classes: tuple[str, ...]
    rows: Matrix = ()
    chart: Markup = NOTHING
    pairs: tuple[tuple[str, str, int, int], ...] = ()  # true class, answer, count, images of the true class
    per_class: tuple[tuple[str, int, str, str, str], ...] = ()  # class, images, recall, its interval, precision


@dataclass(frozen=True)
class LabelRow:
    """How well one label is predicted."""

    label: str
    images: int
    recall: str
    margin: str
    precision: str
    f1: str
    bar: float  # F1 within 0 to 1
    threshold: str


@dataclass(frozen=True)
class PerLabel:
    """Where images have several labels: each of them in figures, the worst first, instead of a confusion matrix."""

    split: str
    sentence: str
    rows: tuple[LabelRow, ...]
    more: tuple[LabelRow, ...] = ()
    cuts: str = ""  # what the thresholds do


@dataclass(frozen=True)
class Scattered:
    """How one number was answered: truths, answers and errors in charts, and a sentence about them; `band` says whether they show an interval."""

    title: str
    sentence: str
    agreement: Markup
    errors: Markup
    band: bool


@dataclass(frozen=True)
class Numbers:
    """Where images have numbers: each of them in figures on the images of a `split`, and in charts on those of another (`drawn`), maybe the same."""

    split: str
    heading: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    drawn: str
    each: tuple[Scattered, ...]
    more: tuple[Scattered, ...] = ()


@dataclass(frozen=True)
class Believable:
    """How reliable the confidence is."""

    chart: Markup
    sentence: str
    rows: tuple[tuple[str, int, str, str], ...]  # series, images or decisions, confidence, accuracy
    what: str = "images"
    compared: bool = False  # with the confidence before calibration


@dataclass(frozen=True)
class Wrong:
    """A mistake to look at; pictures are base64 of JPEG files. Of several labels or numbers, `has` and `answered` are all of them, and `error` says what is
    wrong."""

    path: str
    truth: str
    predicted: str
    confidence: str
    chance: str
    picture: str
    heat: str
    has: str = ""
    answered: str = ""
    error: str = ""


@dataclass(frozen=True)
class Range:
    """Where a number lies: a line, and a histogram of the training images."""

    line: str
    chart: Markup


@dataclass(frozen=True)
class Sample:
    """A file that shows a problem, with what it is compared with; `pictures` are paths, each with a JPEG in base64."""

    words: str
    detail: str
    pictures: Pairs


@dataclass(frozen=True)
class Trouble:
    """A problem of the images: what the search did, what a person can do, its clearest cases with pictures or as a list."""

    title: str
    severity: str
    sentence: str
    search: str
    advice: str
    pictured: tuple[Sample, ...] = ()
    listed: Pairs = ()  # file, what is odd about it
    rest: str = ""  # how many more there are
    above: str = ""  # which are shown among the winner's mistakes


@dataclass(frozen=True)
class Look:
    """What was checked of the images before the search, and what was not; `command` checks everything."""

    sentence: str
    troubles: tuple[Trouble, ...]
    unchecked: str
    command: str
    adds: str = "checks everything"


@dataclass(frozen=True)
class Images:
    """What the scan found."""

    facts: Pairs
    counts: tuple[tuple[str, int, int, int], ...]  # class, training, validation, test
    more: int  # classes not listed
    skipped: tuple[tuple[str, str], ...]
    more_skipped: int
    notes: tuple[str, ...]
    look: Look | None = None
    one: str = "class"
    many: str = "classes"
    ranges: tuple[Range, ...] = ()  # of numbers, in place of `counts`


@dataclass(frozen=True)
class MoreImages:
    """What more images would give a trial's recipe: a sentence, the chart and the same as a table, and how it was measured."""

    title: str
    sentence: str
    chart: Markup
    rows: tuple[tuple[str, str, str, str], ...]  # images, score, interval, whether it was measured or forecast
    how: str


@dataclass(frozen=True)
class Command:
    """A command and what it is for."""

    line: str
    purpose: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    state: str
    verdict: str
    why: str
    tiles: tuple[Tile, ...]
    board: tuple[Row, ...]
    more: tuple[Row, ...]
    failures: tuple[tuple[str, str], ...]
    winner: Curves | None
    others: tuple[Curves, ...]
    costs: tuple[Cost, ...]
    front: tuple[Row, ...]
    important: Markup
    important_rows: tuple[tuple[str, float], ...]
    important_note: str
    effects: tuple[tuple[str, int, str, str], ...]
    differences: tuple[Difference, ...]
    families: tuple[tuple[str, int, str, str], ...]  # architecture, trials, best, median
    confusion: Confusion | None
    believable: Believable | None
    mistakes: tuple[Wrong, ...]
    evidence_note: str
    images: Images
    configuration: Pairs
    toml: str
    commands: tuple[Command, ...]
    versions: Pairs
    written: str
    metric: str = "accuracy"
    beside: tuple[str, ...] = ()  # what to know beside the scores, a paragraph each
    labels: PerLabel | None = None
    cost_title: str = "Accuracy and cost"
    scoring: str = ""  # what the scores of the leaderboard are, and what the order is by
    numbers: Numbers | None = None
    shown: str = "score"  # what effects and families are in
    spoke: str = "the evidence for the prediction"  # of the heat maps
    worst: str = "worst mistakes"
    share: str = "accuracy"  # what stands for accuracy in the evidence of findings
    changed: str = "what that changed"
    growths: tuple[MoreImages, ...] = ()  # the winner first
