"""The model card: a model's purpose, its scores and how they were measured, and its limits (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automl_cnn.by_number import figures_of
from automl_cnn.dataset_summary import images_in, ranges_in_words, ranges_of, targets_of, task_of, words_of
from automl_cnn.diagnosis import certainty, title
from automl_cnn.export.counts import rows_of, worst
from automl_cnn.facts import Facts
from automl_cnn.judged import kind, metric_name, refit_of, rows_by_number, scored_splits
from automl_cnn.measure import Measure, noun, span, spelled
from automl_cnn.records import State, Trial
from automl_cnn.tasks import of_card
from automl_cnn.tasks.regression import TARGETS
from automl_cnn.tasks.thresholds import HALF, THRESHOLDS
from automl_cnn.text import inline
from automl_cnn.transfer import name_of

CARD = "model_card.md"
FEW = 30  # images of a class, below which its score is unreliable
CLASSES = 100  # listed at most
SPLITS = (("train", "training"), ("val", "validation"), ("test", "test"))


def model_card(facts: Facts, model: Path | None = None) -> str:
    """The card in Markdown. `model` is the model's file; the card names it without its folder."""
    best = facts.best
    if best is None:
        return f"# {plain(facts.name)}\n\nNo network could be trained yet.\n"
    parts = [
        f"# {plain(facts.name)}",
        _what(facts, best, model),
        "## Data\n\n" + _data(facts),
        "## Scores\n\n" + _scores(facts, best),
        _classes(facts),
        _trust(facts),
        _findings(facts, best),
        "## Limits\n\n" + _list(_limits(facts, best)),
        "## How it was built\n\n" + _how_built(facts, best),
        "## Configuration\n\n" + _table(("parameter", "value"), _configuration(best.configuration)),
        "## Versions and hashes\n\n" + _table(("name", "value"), [*facts.versions.items(), *facts.hashes.items()]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def beside(model: Path, card: Mapping[str, Any]) -> str:
    """The card of a model file: the one that the search left beside it, or a short one from the file's own metadata (`card`)."""
    try:
        return (model.parent / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    metric = Measure.of(str(card.get("metric", "")), {"classes": (), **card})
    facts = [(key, _shown(card[key])) for key in ("study", "trial") if key in card]
    facts += [("metric", metric_name(metric))] if metric else []
    for key in ("val", "test"):
        if card.get(f"{key}_score") is not None:
            facts.append((f"{key} {noun(metric)}", spelled(metric, card[f"{key}_score"])))
        if card.get(f"{key}_interval"):
            facts.append((f"{key} interval", " to ".join(span(metric, card[f"{key}_interval"]))))
    facts += [
        (key.replace("_", " "), _shown(card[key])) for key in ("params", "mult_adds", "size", "channels", "temperature", "data_fingerprint") if key in card
    ]
    title = f"# {plain(str(card.get('study', model.stem)))}"
    known = "The search left no model card for this model. These facts come from the model file."
    words = of_card({"classes": (), **card}).words
    classes = f"## {words.many.capitalize()}\n\n" + ", ".join(plain(str(name)) for name in card.get("classes", ()))
    configuration = "## Configuration\n\n" + _table(("parameter", "value"), _configuration(card.get("configuration", {})))
    refit = refit_of(card.get("refit"))
    parts = (title, known, _table(("what", "value"), facts), plain(refit.sentence) if refit else "", classes, configuration)
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(facts: Facts, best: Trial, model: Path | None) -> str:
    classes = [str(name) for name in facts.data.get("classes", ())]
    color = "gray" if facts.data.get("channels") == 1 else "RGB"
    size = best.configuration.get("resolution", "?")
    named = f"`{model.name}`: " if model else ""
    titles = [target.title for target in targets_of(facts.data)] or classes
    words, names = words_of(facts.data), f"{', '.join(map(plain, titles[:20]))}{', …' if len(titles) > 20 else ''}"
    task = words.does.format(number=len(classes), names=names) if classes else "classifies images."
    network = (
        f"an ensemble, the mean of the {'probabilities' if task_of(facts.data).probable else 'predictions'} of {facts.joined}"
        if facts.members
        else name_of(best.configuration)
    )
    return (
        f"{named}{network}, {best.params or 0:,} parameters, {best.mult_adds or 0:,} multiply-accumulates per image. It {task}\n\n"
        f"Input: {color} images, uint8 (batch, height, width, {facts.data.get('channels', 3)}), of any size; the model resizes them to {size} x {size} px. "
        f"Do not normalize them. Output: {words.answers}."
    )


def _data(facts: Facts) -> str:
    data = facts.data
    counts = {split: number for split, _ in SPLITS if (number := images_in(facts.data, split))}
    lines = [f"{int(data['images']):,} images" if "images" in data else "The number of images is unknown"]
    if counts:
        lines[0] += ": " + ", ".join(f"{counts[split]:,} {words}" for split, words in SPLITS if split in counts)
    lines[0] += f". They were {words_of(facts.data).dealt}, with copies in one split, unless the folder already had splits."
    if data.get("duplicates"):
        copies = int(data["duplicates"])
        lines.append("1 image is an exact copy of another." if copies == 1 else f"{copies:,} images are exact copies of others.")
    unreadable = len(facts.skipped) or int(data.get("skipped", 0))
    if unreadable:
        lines.append(f"{unreadable:,} files could not be read and were left out.")
    lines += [f"{plain(line)} (training images)." for line in ranges_in_words(data)]
    return " ".join([*lines, *facts.notes])


def _scores(facts: Facts, best: Trial) -> str:
    result, metric = facts.result or {}, facts.metric
    rows: list[tuple[str, str, str, str]] = []
    if result.get("test_score") is not None and result.get("trial") == best.number:
        rows.append(("test, scored once at the end", _count(facts, "test"), spelled(metric, result["test_score"]), _span(metric, result.get("test_interval"))))
    count = _count(facts, *scored_splits(best.folds))
    rows.append((f"{_where(best.folds)}, used to choose it", count, spelled(metric, best.score or 0.0), _span(metric, best.interval)))
    every = facts.cross_validation
    if every is not None and every.score is not None:
        rows.append((f"every image, the recipe in {len(every.scores)} folds", f"{every.images:,}", spelled(metric, every.score), _span(metric, every.interval)))
    if result.get("baseline") is not None:
        rows.append((f"{task_of(facts.data).words.same}, validation", _count(facts, "val"), spelled(metric, result["baseline"]), ""))
    warnings = "".join(f"\n\n**{plain(text)}**" for text in facts.caveats)
    refit = f"\n\n{plain(facts.refit.sentence)}" if facts.refit else ""
    by_chance = f"\n\n{plain(facts.ahead)}" if facts.ahead else ""
    return _table(("images", "how many", metric_name(metric), "95 % interval"), rows) + warnings + refit + by_chance


def _where(folds: int) -> str:
    return f"training and validation, {kind(folds)}" if folds else kind(folds)


def _classes(facts: Facts) -> str:
    if not task_of(facts.data).probable:
        return _numbers(facts)
    evidence = facts.evidence
    if evidence is None:
        return ""
    matrix, split = (evidence.test_confusion, "test") if evidence.test_confusion else (evidence.confusion, "validation")
    words, known = words_of(facts.data), (facts.result or {}).get("calibration") or {}
    rows = rows_of(task_of(facts.data), matrix, [str(name) for name in facts.data.get("classes", range(len(matrix)))], known.get(THRESHOLDS) or ())
    more = f"\n\n{len(rows) - CLASSES} more {words.many} are in the report." if len(rows) > CLASSES else ""
    return f"### {words.heading}, {split} images\n\n" + _table(words.head, rows[:CLASSES]) + more


def _numbers(facts: Facts) -> str:
    """The errors of each number."""
    figures, split = figures_of(facts)
    if not figures:
        return ""
    words, targets = words_of(facts.data), facts.data.get(TARGETS) or ()
    more = f"\n\n{len(targets) - CLASSES} more {words.many} are in the report." if len(targets) > CLASSES else ""
    return f"### {words.heading}, {split} images\n\n" + _table(words.head, rows_by_number(figures, targets[:CLASSES])) + more


def _trust(facts: Facts) -> str:
    """How reliable a prediction is: its confidence, or for numbers the interval around it."""
    if task_of(facts.data).probable:
        return "## How reliable its confidence is\n\n" + _calibration(facts)
    figures, split = figures_of(facts)
    lines = [
        f"{plain(target.title)}: ± {target.shown(half)}{'' if covered is None else f'; of the {split} images, {100 * covered:.1f} % lie within'}."
        for target in targets_of(facts.data)[:CLASSES]
        if (half := (known := figures.get(target.name) or {}).get("half_width")) is not None
        for covered in [known.get("covered")]
    ]
    if not lines:
        return "## How large its errors may be\n\nUnknown: there were too few validation images to measure intervals."
    return (
        "## How large its errors may be\n\nA prediction has no confidence but an interval. It should contain 90 % of the true values if new images are "
        "like the validation images, on whose errors it was measured (split conformal prediction). It has the same width for every image: the error on an "
        "unusual image may be larger.\n\n" + _list(lines)
    )


def _calibration(facts: Facts) -> str:
    known = (facts.result or {}).get("calibration")
    if known is None and (facts.evidence is None or facts.evidence.temperature is None):
        return "Not calibrated: its probabilities are those of the trained network."
    if known is None:
        return f"Its logits are divided by a temperature of {facts.evidence.temperature:.2f}, fitted on the validation images." if facts.evidence else ""
    decided = _thresholds(known)
    if known["temperature"] == 1:
        return (
            f"Its probabilities are those of the trained network: scaling them did not help on images held out from the fit. "
            f"The expected calibration error is {known['error']:.3f} on the validation images.{decided}"
        )
    return (
        f"Temperature scaling on the validation images (temperature {known['temperature']:.2f}): the expected calibration error went from "
        f"{known['error']:.3f} to {known['error_after']:.3f}, the mean negative log-likelihood from {known['loss']:.3f} to {known['loss_after']:.3f}."
        f"{decided or ' No label changed.'}"
    )


def _thresholds(calibration: Mapping[str, Any]) -> str:
    """The thresholds of labels, and their effect; empty where an image has one class."""
    cuts = calibration.get(THRESHOLDS) or ()
    if not cuts:
        return ""
    if set(cuts) == {HALF}:
        return " Every label has a threshold of 0.5: separate thresholds did not help on held-out images."
    return (
        f" Each label has its own threshold, chosen on the validation images: the macro F1 on held-out images went from "
        f"{calibration['f1_at_half']:.3f} (0.5 for all) to {calibration['f1']:.3f}."
    )


def _findings(facts: Facts, best: Trial) -> str:
    findings = facts.findings.get(best.number, ())
    if not findings:
        return ""
    words = words_of(facts.data)
    graded = [(finding, "; ".join(filter(None, (finding.severity, certainty(finding, words))))) for finding in findings]
    return "## What its training shows\n\n" + _list(f"{title(finding.kind, words)} ({grade}): {finding.sentence}" for finding, grade in graded)


def _limits(facts: Facts, best: Trial) -> Iterable[str]:
    words = words_of(facts.data)
    yield words.knows
    yield "The scores hold for images like those of this folder, taken in the same way. With other cameras, light or places it may do worse: measure it there."
    data = facts.data
    names, train = list(data.get("classes", ())), list(map(int, data.get("splits", {}).get("train", ())))
    few = [f"{plain(str(name))} ({count})" for name, count in zip(names, train, strict=False) if count < FEW]
    if few:
        yield f"Few training images: {', '.join(few[:10])}{', …' if len(few) > 10 else ''}."
    if train and max(train) > 3 * max(1, min(train)):
        yield f"The {words.many} are imbalanced: the largest has {max(train) / max(1, min(train)):.0f} times the training images of the smallest."
    if most := _worst(facts, names):
        yield most
    for target, known in ranges_of(data):
        low, high = target.brief(known["low"]), target.brief(known["high"])
        yield f"It was trained on {plain(target.title)} from {low} to {high}: do not rely on it outside that range, or where it has few images."
    if (facts.result or {}).get("test_score") is None:
        yield "It was not scored on test images; the score it was chosen by is optimistic."
    if best.state is State.STOPPED:
        yield "Its training was interrupted."


def _worst(facts: Facts, names: Sequence[Any]) -> str:
    """The model's most frequent errors."""
    matrix = () if facts.evidence is None else facts.evidence.test_confusion or facts.evidence.confusion
    return worst(task_of(facts.data), matrix, [plain(str(name)) for name in names]) if matrix and len(names) == len(matrix) else ""


def _how_built(facts: Facts, best: Trial) -> str:
    failed = sum(trial.state is State.FAILED for trial in facts.trials)
    settings = facts.settings
    way = f" by the engine {settings['engine']} ({settings.get('sampler', '')})" if settings.get("engine") else ""
    number = f"{'Its first member is trial' if facts.members else 'Trial'} {best.number} of {len(facts.trials)} ({failed} failed)"
    text = f"{number}, found by automl-cnn in {facts.seconds / 60:.1f} minutes{way}, seed {settings.get('seed', 0)}. Why it was tried: {best.reason}."
    return (
        text
        + "\n\nTo repeat it: `automl-cnn search --config study.toml`, with the file beside the study."
        + (f"\n\n```toml\n{facts.toml.strip()}\n```" if facts.toml else "")
    )


def _configuration(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _shown(given)) for name, given in configuration.items() if not (name.startswith("regularizer.") and given is False)]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return " to ".join(_shown(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _count(facts: Facts, *splits: str) -> str:
    counts = [images_in(facts.data, split) for split in splits]
    return f"{sum(counts):,}" if all(counts) else "-"


def _span(metric: str, interval: Sequence[float] | None) -> str:
    return " to ".join(span(metric, (interval[0], interval[1]))) if interval else "-"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(plain(str(cell)) for cell in row)} |" for row in rows)])


def plain(text: str) -> str:
    """Text escaped for Markdown: no table, no emphasis, no HTML."""
    escaped = text.replace("\\", "\\\\")
    for sign in "|*_`<[#":
        escaped = escaped.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return inline(" ".join(escaped.split()))
