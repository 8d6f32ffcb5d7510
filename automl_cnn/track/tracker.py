"""A study in MLflow: one experiment, one run for the study, one nested run for each trial."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import numpy as np

from automl_cnn.dataset_summary import IMAGES, LABELS_EACH, RANGES, task_of
from automl_cnn.diagnosis import Context, certainty, diagnose, headline, helped
from automl_cnn.errors import StoreError
from automl_cnn.measure import Measure
from automl_cnn.records import Epoch, State, StudyResult, Trial
from automl_cnn.store import Store
from automl_cnn.tasks.regression import TARGETS
from automl_cnn.text import readable
from automl_cnn.track import champion, labels, numbers
from automl_cnn.track.database import IMAGES_TAG, PARENT_TAG, STUDY_TAG
from automl_cnn.track.quiet import quiet_mlflow
from automl_cnn.track.target import Unreachable, target_of
from automl_cnn.transfer import name_of
from automl_cnn.urls import Url

TRIAL_TAG = "automl_cnn.trial"
NOTE = "A study of automl-cnn. The plus sign before a run opens its trials; `best_score` is what a trial counts for, `score` its curve."
OF_ERRORS = " `{metric}` is the error in {unit}; scores are 1 - error / standard deviation, so that higher is better."
PROFILE = ("images", "splits", "skipped", "duplicates", "native", IMAGES, LABELS_EACH, TARGETS, RANGES)  # of a data set
KIND = "custom_model_development"  # which pages MLflow shows: runs and charts, not chats
NEAR = "within_half_sd"  # what stands for accuracy where images have numbers: the share of answers that are that near the truth
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "score", "learning_rate", "clean_loss", "clean_accuracy")
STATUS = {State.COMPLETE: "FINISHED", State.STOPPED: "FINISHED", State.PRUNED: "KILLED", State.FAILED: "FAILED"}
ENDED = ("FINISHED", "KILLED", "FAILED")
FRONT = "front.json"
METRICS_A_BATCH = 1000  # MLflow's own limits
PARAMS_A_BATCH = 100

P = ParamSpec("P")
log = logging.getLogger("automl_cnn")


def _never_raises(method: Callable[Concatenate[Tracker, P], None]) -> Callable[Concatenate[Tracker, P], None]:
    """After any error in the view, warn once and let the search go on. Nothing more is tried, since each attempt may wait for a lock.

    A server that cannot be reached now is not such an error: `Unreachable` is raised, and the call can be repeated.
    """

    @functools.wraps(method)
    def guarded(self: Tracker, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if self._complained:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # MLflow, its database and its disk may raise anything
            if self._target.passing(error):
                raise Unreachable(self._target.reason(error)) from None
            self._complain(error)

    return guarded


class Tracker:
    """Writes one study through to the MLflow database of `store`, or to a `server`. Nothing happens before `start`.

    The study's run carries the tag `automl_cnn.study`, a trial's run `automl_cnn.trial` (its number),
    `stage`, `reason`, `state`, `worker`, `finding` and, where it failed, `failure`. A pruned trial has MLflow's status
    KILLED. `score` is the curve, epoch by epoch, and `best_score` what the trial counts for; on the
    study's run, `best_score` is the incumbent's after each trial. Where scores stand for errors, `rmse`
    and `best_rmse` (or `mae`) are beside them, in the user's unit.
    """

    def __init__(self, store: Store, study: str, server: Url | None = None) -> None:
        self.store, self.study = store, study
        self._target = target_of(store, study, server)
        self._settings: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
        self._client: Any = None
        self._experiment = ""
        self._run = ""
        self._trials: dict[int, tuple[str, bool]] = {}  # number -> run, and whether it is written to its end
        self._best: float | None = None
        self._complained = False
        self._refused = ""  # why no artifact is written

    @_never_raises
    def start(self, config: Mapping[str, Any], dataset_summary: Mapping[str, Any]) -> None:
        self._settings = (config, dataset_summary)
        if not self._run:
            self._open()

    @_never_raises
    def trial(self, trial: Trial) -> None:
        if self._run:
            self._write(trial)

    @_never_raises
    def rebuild(self, trials: Iterable[Trial]) -> None:
        if not self._run:
            self._open()
        for trial in trials:
            self._write(trial)

    @_never_raises
    def finish(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        if not self._run:
            self._open()
        figures: dict[str, float | None] = {"val_score": result.val_score, "test_score": result.test_score}
        for name, span in (("val", result.val_interval), ("test", result.test_interval)):
            figures |= {f"{name}_score_low": span[0], f"{name}_score_high": span[1]} if span else {}
        figures |= {"params": result.params, "mult_adds": result.mult_adds, "trials": result.trials, "seconds": result.seconds}
        figures |= numbers.of_winner(result)
        if result.workers is not None and result.workers.count > 1:
            figures |= {"workers": result.workers.count, "speed_up": result.workers.at_once, "idle_seconds": result.workers.idle}
        tags = {
            "best_trial": result.trial,
            "best_configuration": json.dumps(dict(result.configuration)),
            "metric": result.metric,
            "stopped_by": result.stopped_by,
            "unit": getattr(self._metric, "unit", "") or None,
            "what_helped": json.dumps([numbers.changed(self._metric, dataclasses.asdict(entry)) for entry in helped(result.leaderboard)]),
            "members": json.dumps(dict(result.members)) if result.members else None,
            "task": result.task,
        }
        self._log(self._run, metrics=self._points(figures, time.time()), tags=tags)
        if not self._refused:
            self._artifacts(result, model_file, example)
        self._client.set_terminated(self._run, "FINISHED")

    def _artifacts(self, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
        self._tables(result)
        champion.register(
            self._client,
            experiment=self._experiment,
            run=self._run,
            trial_run=self._trials.get(result.trial, ("", False))[0],
            result=result,
            model_file=model_file,
            example=example,
        )

    @_never_raises
    def files(self, paths: Iterable[Path]) -> None:
        if not self._run:
            self._open()
        for path in () if self._refused else paths:
            self._client.log_artifact(self._run, str(path))

    def end(self, status: str) -> None:
        try:
            self._target.end_runs(self._client, self._experiment, self._run, status)
        except Exception as error:  # as above
            if self._target.passing(error):
                raise Unreachable(self._target.reason(error)) from None

    def wait(self) -> None:
        """Nothing is ever outstanding: each method writes before it returns."""

    def _tables(self, result: StudyResult) -> None:
        """The Pareto front and the scores of each label or number, where there are any, as tables among the run's artifacts; written again each time."""
        name, scores = labels.table(result)
        tables = {FRONT: result.table if result.front else [], name: scores}
        shown = {name: rows for name, rows in tables.items() if rows}
        for name, rows in shown.items():
            columns = list(rows[0])
            self._client.log_dict(self._run, {"columns": columns, "data": [[row[column] for column in columns] for row in rows]}, name)
        if result.front:
            self._log(self._run, tags={"objectives": ", ".join(result.objectives), "front": ", ".join(map(str, result.front))})
        if shown:
            self._log(self._run, tags={"mlflow.loggedArtifacts": json.dumps([{"path": name, "type": "table"} for name in shown])})
        self._log(self._run, metrics=self._points(labels.figures(result), time.time()))

    def _open(self) -> None:
        """Reopen or create the study's run, and read what MLflow knows about its trials."""
        if self._settings is None:
            raise RuntimeError("start was not called")
        mlflow, target = quiet_mlflow(), self._target
        with target.opening():
            client = mlflow.MlflowClient(target.uri, target.uri)
            experiment = client.get_experiment_by_name(self.study)
        if experiment is None:
            self._experiment = client.create_experiment(
                self.study,
                target.artifacts(self.study),
                tags={"mlflow.experimentKind": KIND, "mlflow.note.content": NOTE + self._on_errors},
            )
        else:
            self._experiment = experiment.experiment_id
            if experiment.lifecycle_stage == "deleted":
                client.restore_experiment(self._experiment)
        self._client = client
        config, dataset = self._settings
        runs = client.search_runs([self._experiment], f"tags.`{STUDY_TAG}` = '{self.study}'", max_results=1)
        images = str(dataset.get("fingerprint", ""))
        tags = {STUDY_TAG: self.study, IMAGES_TAG: images, "mlflow.source.name": "automl-cnn"}
        run = runs[0] if runs else client.create_run(self._experiment, run_name=self.study, tags=tags)
        if runs:
            if run.data.tags.get(IMAGES_TAG, images) != images:
                raise StoreError(f"the experiment '{self.study}' there belongs to a study of other images; choose another --name")
            client.update_run(run.info.run_id, status="RUNNING")
        self._refused = self._target.refused(run.info.artifact_uri)
        if self._refused:
            log.warning("MLflow gets no model, table or report: %s, and resume the study.", self._refused)
        new = {key: value for key, value in config.items() if key not in run.data.params and value is not None}
        self._log(run.info.run_id, params=new, tags={"config": json.dumps(dict(config)), "task": task_of(dataset).name})
        self._dataset(run.info.run_id, dataset)
        self._trials = self._known(run.info.run_id)
        self._best = run.data.metrics.get("best_score")
        self._run = run.info.run_id

    @property
    def _on_errors(self) -> str:
        """The note's sentence about errors; empty where scores are not errors."""
        metric = self._metric
        return "" if metric.scale is None else OF_ERRORS.format(metric=str(metric), unit=metric.unit or "the user's unit")

    def _known(self, parent: str) -> dict[int, tuple[str, bool]]:
        known: dict[int, tuple[str, bool]] = {}
        token = None
        while True:
            page = self._client.search_runs([self._experiment], f"tags.`{PARENT_TAG}` = '{parent}'", max_results=1000, page_token=token)
            for run in page:
                if TRIAL_TAG in run.data.tags:
                    known[int(run.data.tags[TRIAL_TAG])] = (run.info.run_id, run.info.status in ENDED)
            token = page.token
            if not token:
                return known

    def _write(self, trial: Trial) -> None:
        if trial.state is State.RUNNING:
            return
        run, complete = self._trials.get(trial.number, ("", False))
        if complete:
            return
        if not run:
            place = {PARENT_TAG: self._run, TRIAL_TAG: str(trial.number), "mlflow.source.name": "automl-cnn"}
            name = f"{trial.number:03d} {name_of(trial.configuration)}"
            run = self._client.create_run(self._experiment, start_time=_ms(trial.started_at), run_name=name, tags=place).info.run_id
            self._trials[trial.number] = (run, False)
        ended = trial.started_at + trial.seconds
        low, high = trial.interval or (None, None)
        figures = {
            "best_score": trial.score,
            "best_score_low": low,
            "best_score_high": high,
            "best_epoch": trial.best_epoch,
            "params": trial.params,
            "mult_adds": trial.mult_adds,
            "latency_ms": trial.latency,
            "seconds": trial.seconds,
            "images_per_second": trial.images_per_second,
            **numbers.named(self._metric, "best_", trial.score, (low, high)),
        }
        tags: dict[str, Any] = {"stage": trial.stage, "reason": trial.reason, "state": trial.state.value, "failure": trial.failure}
        tags |= {"worker": trial.worker, "node": trial.node}
        tags |= self._diagnosed(trial)
        metrics = [point for epoch in trial.epochs for point in self._curves(epoch, trial.started_at)] + self._points(figures, ended)
        params = {**trial.configuration, "fidelity.epochs": trial.fidelity.epochs}
        self._log(run, metrics=metrics, params=params, tags=tags)
        if trial.scored and trial.score is not None:
            self._best = trial.score if self._best is None else max(trial.score, self._best)
            figures = {"best_score": self._best, **numbers.named(self._metric, "best_", self._best)}
            self._log(self._run, metrics=self._points(figures, ended, trial.number))
        self._client.set_terminated(run, STATUS[trial.state], end_time=_ms(ended))
        self._trials[trial.number] = (run, True)

    def _diagnosed(self, trial: Trial) -> dict[str, Any]:
        """What the diagnosis says, the main finding in one word."""
        settings, data = self._settings or ({}, {})
        context = Context.of(data, settings.get("metric"))
        findings = diagnose(trial, context)
        certain = [f"({sure})" if (sure := certainty(finding, context.words)) else "" for finding in findings]
        sentences = "\n".join(f"{finding.sentence} {sure}".strip() for finding, sure in zip(findings, certain, strict=True))
        tags = {"finding": headline(findings, context.words), "findings": sentences} if findings else {}
        return tags | ({"action": trial.guide.action, "compared_with": str(trial.guide.parent)} if trial.guide else {})

    def _curves(self, epoch: Epoch, began: float) -> list[Any]:
        near = "accuracy" if task_of((self._settings or ({}, {}))[1]).probable else NEAR
        figures = {name.replace("accuracy", near): getattr(epoch, name) for name in CURVES}
        return self._points({**figures, **numbers.named(self._metric, "", epoch.score)}, began + epoch.seconds, epoch.number)

    @property
    def _metric(self) -> Measure:
        """What scores are of, and how they read."""
        settings, data = self._settings or ({}, {})
        return Measure.of(str(settings.get("metric") or ""), data)

    def _points(self, figures: Mapping[str, float | None], moment: float, step: int = 0) -> list[Any]:
        from mlflow.entities import Metric

        return [Metric(name, float(value), _ms(moment), step) for name, value in figures.items() if value is not None]

    def _log(self, run: str, *, metrics: list[Any] | None = None, params: Mapping[str, Any] | None = None, tags: Mapping[str, Any] | None = None) -> None:
        """Write a lot at once, within MLflow's limits on a batch."""
        from mlflow.entities import Param, RunTag

        pairs = [Param(key, readable(str(value))[:6000]) for key, value in (params or {}).items()]
        notes = [RunTag(key, readable(str(value))[:8000]) for key, value in (tags or {}).items() if value is not None]
        if notes:
            self._client.log_batch(run, tags=notes)
        for start in range(0, len(pairs), PARAMS_A_BATCH):
            self._client.log_batch(run, params=pairs[start : start + PARAMS_A_BATCH])
        for start in range(0, len(metrics or []), METRICS_A_BATCH):
            self._client.log_batch(run, metrics=(metrics or [])[start : start + METRICS_A_BATCH])

    def _dataset(self, run: str, summary: Mapping[str, Any]) -> None:
        """The images, as MLflow's data tab shows them: name, fingerprint, folder, classes, counts."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        schema = {"image": f"uint8 (height, width, {summary.get('channels', 3)})", "label": list(summary.get("classes", ()))}
        entry = Dataset(
            name=str(summary.get("name", self.study)),
            digest=str(summary.get("fingerprint", ""))[:36],
            source_type="local",
            source=json.dumps({"uri": str(summary.get("folder", ""))}),
            schema=json.dumps(schema)[:65_000],
            profile=json.dumps({key: summary[key] for key in PROFILE if key in summary}),
        )
        self._client.log_inputs(run, datasets=[DatasetInput(entry, [InputTag("mlflow.data.context", "training")])])

    def _complain(self, error: Exception) -> None:
        self._complained = True
        log.warning("MLflow could not be written: %s. The search goes on without it; its own record is complete.", self._target.reason(error))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
