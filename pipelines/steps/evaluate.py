"""Evaluate: the candidate's scorecard on the held-out rows, beside the champion's on the very same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract, decode
from pipelines.core.dependence import dependent_rows
from pipelines.core.errors import NotEnoughData
from pipelines.core.evaluation.copied_rows import copied_rows
from pipelines.core.evaluation.reference_table import with_answers
from pipelines.core.problem import Problem, Task
from pipelines.core.reach import LEAST
from pipelines.core.scorecard import Champion, Evidence, Scorecard, judge
from pipelines.core.scoring import score
from pipelines.core.slicing import slice_values
from pipelines.core.splitting import test_start
from pipelines.steps.examine import Candidate, examine
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.model_file import load_model
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.rivals import rival_scores
from pipelines.stores.storage.files import read_json, write_json

REFERENCE_ROWS = 10_000
_SPECIAL = ("__row", "__time", "__known_at", "__y", "__side")


def evaluate(loaded: LoadedProblem, folder: Path, champion: Bundle | None) -> Path:
    """The path of folder/scorecard.json; folder/reference.parquet is written too.

    Reads features.parquet, contract.json, model.skops and trained.json of the run's folder. The scorecard goes by the
    held-out rows that are new to both; its `period` says which. The reference, which no champion has a part in,
    holds up to 10,000 of the held-out rows: the model's input, `__prediction`, `__probability_<class>`,
    `__label`, `__time` and `__known_at`.
    """
    contract = Contract.model_validate(read_json(folder / "contract.json"))
    trained = read_json(folder / "trained.json")
    rows = read_parquet(folder / "features.parquet")
    test = rows[(rows["__side"] == "test") & rows["__y"].notna()].sort_values("__row", ignore_index=True)
    if test.empty:
        raise NotEnoughData(
            f"{loaded.problem.name} has no labelled test row: it needs more labels or a larger split.test"
        )
    pipeline = load_model(folder / "model.skops", trained["digest"])
    scores = score(pipeline, contract.task, test)
    model_file, new = folder / "model.skops", new_to_both(loaded.problem, champion, rows, test)
    judged = test[new].reset_index(drop=True), scores[new]
    candidate = Candidate(loaded.problem, contract, pipeline, model_file, rows, *judged, trained)
    card = _judge(candidate, folder / "prepared.parquet", champion)
    write_parquet(_reference(contract, test, scores), folder / "reference.parquet")
    path = folder / "scorecard.json"
    write_json(path, card.model_dump(mode="json"))
    return path


def _judge(candidate: Candidate, prepared: Path, champion: Bundle | None) -> Scorecard:
    problem, contract, test = candidate.problem, candidate.contract, candidate.test
    facts = examine(candidate)
    theirs, rival, notes = None, None, facts.pop("notes")
    if champion is not None:
        theirs, why = rival_scores(champion, problem, contract, test, prepared)
        rival = Champion(version=champion.version, digest=champion.release["model_digest"], reason=why)
        notes += seen_before(champion, test)
    notes += forgotten(problem, candidate.rows) + copied(candidate)
    slices = {name: slice_values(test[name]) for name in problem.good_enough.slices if name in test.columns}
    left_out = [name for name in problem.good_enough.slices if name not in slices]
    notes += [f"slice column {name!r} is not among the prepared columns: not judged" for name in left_out]
    clusters, kind = dependent_rows(problem, test)
    if kind:
        notes.append(f"dependent rows: {kind}")
    evidence = Evidence(
        ids=test["__row"].to_numpy(dtype=object).astype(str),
        y=test["__y"].to_numpy(dtype=np.float64),
        candidate=candidate.scores,
        baseline=baseline_scores(problem, contract, candidate.rows, len(test)),
        champion=theirs,
        clusters=clusters,
        slices=slices,
        features=test[_searched(candidate)],
    )
    return judge(
        problem,
        contract.task,
        evidence,
        candidate.trained["digest"],
        period=_period(test),
        classes=contract.classes,
        champion=rival,
        notes=notes,
        **facts,
    )


def _searched(candidate: Candidate) -> list[str]:
    """Columns among whose values harmed slices are looked for: the model's, and the protected ones."""
    names = [str(name) for name in candidate.pipeline.feature_names_in_]
    others = [name for name in candidate.problem.good_enough.protected if name in candidate.test.columns]
    return list(dict.fromkeys([*names, *others]))


def baseline_scores(problem: Problem, contract: Contract, rows: pd.DataFrame, count: int) -> np.ndarray:
    """What a model that knows nothing of the row answers: the shares of the classes, or the mean.

    Judged by mae it is the median. Learnt from the training and validation rows; `count` equal rows.
    """
    known = rows.loc[rows["__side"].isin(["train", "validation"]) & rows["__y"].notna(), "__y"].to_numpy()
    if contract.task == "regression":
        middle = np.median(known) if problem.primary_metric("regression") == "mae" else known.mean()
        return np.full(count, float(middle))
    shares = np.bincount(known.astype(int), minlength=len(contract.classes or [])) / len(known)
    return np.tile(shares, (count, 1))


def _period(test: pd.DataFrame) -> tuple[Any, Any] | None:
    times = test["__time"].dropna()
    if times.empty:
        return None
    return times.min().tz_localize("UTC").to_pydatetime(), times.max().tz_localize("UTC").to_pydatetime()


def new_to_both(problem: Problem, champion: Bundle | None, rows: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """(n,) which held-out rows are from after the time that the champion was trained on; all, where too few are.

    There are earlier ones where the champion learnt from the rows since a break and the candidate from all rows again:
    the break has passed. They flatter the champion, and would be half of a promise about a world that is gone.
    """
    until = None if champion is None else champion.release.get("trained_until")
    if until is None or np.isnat(test_start(rows)):
        return np.ones(len(test), dtype=bool)
    new: np.ndarray = test["__time"].to_numpy() > pd.Timestamp(until).tz_localize(None).to_datetime64()
    return new if new.sum() >= max(problem.good_enough.min_labels, LEAST) else np.ones(len(test), dtype=bool)


def seen_before(champion: Bundle, test: pd.DataFrame) -> list[str]:
    """A champion that was trained on some of the rows looks better on them than it is: a note, or none."""
    until = champion.release.get("trained_until")
    if until is None or test["__time"].isna().all():
        return []
    seen = int((test["__time"] <= pd.Timestamp(until).tz_localize(None)).sum())
    if not seen:
        return []
    return [f"{seen} of {len(test)} rows lie in the time that the champion was trained on, which flatters it"]


def forgotten(problem: Problem, rows: pd.DataFrame) -> list[str]:
    """That rows were left out because the training found a break: a note, or none."""
    left_out = rows.loc[(rows["__side"] == "older") & rows["__y"].notna(), "__time"]
    if left_out.empty or problem.split.window is not None:
        return []
    since = rows.loc[rows["__side"] == "train", "__time"].min()
    return [
        f"{len(left_out):,} labelled rows from before {since:%Y-%m-%d %H:%M} are left out: what later rows teach "
        "foretold the newest training rows credibly better (split.forget)"
    ]


def copied(candidate: Candidate) -> list[str]:
    """That held-out rows are copies of rows that the model was fitted on: a note, or none."""
    rows, names = candidate.rows, [str(name) for name in candidate.pipeline.feature_names_in_]
    fitted = rows[rows["__side"].isin(["train", "validation"]) & rows["__y"].notna()]
    found = copied_rows(fitted, candidate.test, names)
    if not found:
        return []
    return [
        f"{found:,} of {len(candidate.test):,} held-out rows equal a row that the model was fitted on in every column "
        "and in the label, which flatters it: if rows came in twice, take them out (SELECT DISTINCT in data.source.sql)"
    ]


def _reference(contract: Contract, test: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    """A seeded sample of the held-out rows with what the model answers and what came."""
    chosen = np.arange(len(test))
    if len(test) > REFERENCE_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(len(test), REFERENCE_ROWS, replace=False))
    kept = test.iloc[chosen].reset_index(drop=True)
    columns: dict[str, Any] = {name: kept[name] for name in kept.columns if name not in _SPECIAL}
    columns |= {name: kept[name] for name in ("__row", "__time", "__known_at") if name in kept.columns}
    answers = decoded(contract, answer_codes(contract.task, scores[chosen]))
    labels = decoded(contract, kept["__y"].to_numpy())
    return with_answers(pd.DataFrame(columns), answers, scores[chosen], labels, contract.classes)


def answer_codes(task: Task, scores: np.ndarray) -> np.ndarray:
    """The class answered, or the value."""
    return scores if task == "regression" else scores.argmax(axis=1).astype(np.float64)


def decoded(contract: Contract, codes: np.ndarray) -> np.ndarray:
    """Labels in their original type, one per code."""
    if contract.classes is None:
        return codes
    labels = np.array([decode(contract, float(code)) for code in range(len(contract.classes))])
    return labels[codes.astype(int)]
