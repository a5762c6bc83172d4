"""Examine: what a scorecard says of a candidate beyond its metrics; each part by itself, within limits of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.core.compilation.compiling import CannotCompile, compile_pipeline
from pipelines.core.contract import Contract
from pipelines.core.dependence import dependent_rows
from pipelines.core.errors import ModelFileError
from pipelines.core.evaluation.attribution import attribute
from pipelines.core.evaluation.behaviour import try_behaviour
from pipelines.core.evaluation.cost import reckon_cost
from pipelines.core.evaluation.explanation import Explanation, explain
from pipelines.core.evaluation.fairness import Fairness, judge_fairness
from pipelines.core.evaluation.leak_check import Leak, find_leaks
from pipelines.core.evaluation.robustness import stress
from pipelines.core.evaluation.subject import Subject
from pipelines.core.metrics import Metric, metrics
from pipelines.core.problem import Problem
from pipelines.core.scoring import score
from pipelines.core.slicing import slice_values
from pipelines.core.trials import fit_rows
from pipelines.stores.bundles.tree_kernel import TreeKernel

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from pipelines.core.compilation.compiled import Compiled

MOST_ROWS = 5_000
_SHAP_SHARE = 1 / 3  # of the time for explanations


@dataclass(frozen=True)
class Candidate:
    """What is examined: the fitted pipeline with its file, the table that it was made from, and its held-out rows.

    `test` has one entry per row of `scores`, in a canonical order; `trained`: what trained.json says.
    """

    problem: Problem
    contract: Contract
    pipeline: Pipeline
    model_file: Path
    rows: pd.DataFrame
    test: pd.DataFrame
    scores: np.ndarray
    trained: dict[str, Any] = field(default_factory=dict)

    def subject(self) -> Subject:
        """The candidate as the parts of an examination know it."""
        problem, task = self.problem, self.contract.task
        known = {column.name: column.kind for column in self.contract.features}
        names = [str(name) for name in self.pipeline.feature_names_in_]
        return Subject(
            task=task,
            metric=problem.primary_metric(task),
            ask=lambda frame: score(self.pipeline, task, frame),
            frame=self.test[names].reset_index(drop=True),
            kinds={name: known.get(name, "numeric") for name in names},
            y=self.test["__y"].to_numpy(dtype=np.float64),
            scores=self.scores,
            clusters=dependent_rows(problem, self.test)[0],
            classes=self.contract.classes or (),
            confidence=problem.good_enough.confidence,
            seed=problem.split.seed,
        )

    def fitted(self) -> pd.DataFrame:
        """A seeded sample of at most 5,000 of the rows that the candidate was fitted on."""
        places = fit_rows(self.rows)
        if len(places) > MOST_ROWS:
            source = np.random.default_rng(self.problem.split.seed)
            places = np.sort(source.choice(places, MOST_ROWS, replace=False))
        return self.rows.iloc[places].reset_index(drop=True)


def examine(candidate: Candidate) -> dict[str, Any]:
    """Fields of the scorecard: fitted, leaks, fairness, robustness, behaviour, explanation, cost, and notes.

    Nothing here ends a training: a part that fails is left out, and a note says which and why. Everything but the cost
    depends on the rows alone, as long as the explanations' time lasts.
    """
    notes: list[str] = []
    subject = candidate.subject()
    good = candidate.problem.good_enough
    parts: dict[str, Callable[[], Any]] = {
        "fitted": lambda: _fitted(candidate, subject),
        "leaks": lambda: _leaks(candidate, subject),
        "fairness": lambda: _fairness(candidate, subject, notes),
        "robustness": lambda: stress(subject),
        "behaviour": lambda: try_behaviour(subject, good.behaviour),
        "explanation": lambda: _explanation(candidate, subject) if good.explain_seconds else None,
        "cost": lambda: _cost(candidate, subject),
    }
    found = {}
    for name, work in parts.items():
        try:
            found[name] = work()
        except Exception as error:  # noqa: BLE001 - told in the card, which is better than no card
            notes.append(f"{name} could not be examined ({type(error).__name__}: {error})")
    return {**{name: value for name, value in found.items() if value is not None}, "notes": notes}


def _fitted(candidate: Candidate, subject: Subject) -> dict[str, Metric]:
    rows = candidate.fitted()
    clusters, _ = dependent_rows(candidate.problem, rows)
    y = rows["__y"].to_numpy(dtype=np.float64)
    return metrics(subject.task, y, subject.ask(rows), **subject.how | {"clusters": clusters})


def _leaks(candidate: Candidate, subject: Subject) -> list[Leak]:
    """Of the table's own features: those of history are joined as they were known, and cannot know more."""
    own = {column.name for column in candidate.contract.features}
    kinds = {name: kind for name, kind in subject.kinds.items() if name in own}
    fitted, some = candidate.fitted(), subject.sample(MOST_ROWS)
    return find_leaks(subject.task, kinds, fitted, fitted["__y"].to_numpy(dtype=np.float64), some.frame, some.y)


def _fairness(candidate: Candidate, subject: Subject, notes: list[str]) -> list[Fairness]:
    found = []
    for name in candidate.problem.good_enough.protected:
        if name in candidate.test.columns:
            found.append(judge_fairness(subject, name, slice_values(candidate.test[name])))
        else:
            notes.append(f"protected column {name!r} is not among the prepared columns: not judged")
    return found


def _explanation(candidate: Candidate, subject: Subject) -> Explanation:
    began, seconds = time.monotonic(), candidate.problem.good_enough.explain_seconds
    contributions, notes = attribute(subject, _compiled(candidate), began + _SHAP_SHARE * seconds)
    return explain(subject, began + seconds, contributions, notes)


def _compiled(candidate: Candidate) -> Compiled | None:
    history = [feature.name for feature in candidate.problem.features.history]
    try:
        return compile_pipeline(candidate.pipeline, candidate.contract, history, TreeKernel)
    except (CannotCompile, ModelFileError):
        return None


def _cost(candidate: Candidate, subject: Subject) -> Any:
    trained = candidate.trained
    size = candidate.model_file.stat().st_size
    return reckon_cost(subject, trained.get("seconds"), trained.get("cpu_seconds"), size)
