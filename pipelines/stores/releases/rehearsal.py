"""The rehearsal of a release: its own service over HTTP, asked what the batch was asked before the gate decides."""

from __future__ import annotations

import os
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.evaluation.replay import TOLERANCE, Replay, make_replay, received
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import DOCUMENTS, MODEL_FILE, Bundle
from pipelines.stores.bundles.compiled_file import PLAN, TREES
from pipelines.stores.data.history_store import load_current
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.registry.stage import Refused, Stage, on_stage

TIMED = 100  # rows that are asked alone, one after the other, and
TIMED_SECONDS = 4.0  # how long that may take: a slow model has shown that it is slow
WARM_UP = 5
BATCH = 50
EXAMPLES = 3


def rehearse(bundle: Path, history: Path, settings: Settings) -> Rehearsal:
    """What the release in the folder `bundle` answers over HTTP, beside the batch's answers to the same rows.

    `history`: the store that the run made. The service runs as it would in production (`RATCHET_COMPILE`), in a
    folder of its own beside the bundle, and is ended and cleared away whatever happens. Unavailable where no process
    can be started; a release that the service refuses has every row wrong.
    """
    opened = Bundle.open(bundle)
    found = load_current(history) if opened.problem.features.history else None
    index = None if found is None else found[0]
    replay = make_replay(opened.pipeline, opened.contract, read_parquet(opened.reference_path), index)
    place = bundle.parent / f".rehearsal.{os.getpid()}"
    for old in bundle.parent.glob(".rehearsal.*"):  # of a process that was killed
        shutil.rmtree(old, ignore_errors=True)
    place.mkdir()
    try:
        with on_stage(bundle, history if index is not None else None, place, settings.compile) as stage:
            return _replayed(opened, replay, stage)
    except Refused as error:
        return _facts(opened, replay, np.full(replay.expected.shape, np.nan), [str(error)])
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _replayed(bundle: Bundle, replay: Replay, stage: Stage) -> Rehearsal:
    name, most = bundle.contract.problem, min(BATCH, bundle.problem.serving.max_rows)
    answers: list[dict[str, Any]] = []
    refusals: list[str] = []

    def ask(rows: list[dict[str, Any]]) -> None:
        status, content = stage.predict(name, rows)
        if status == 200:
            answers.extend(content["predictions"])
        elif len(rows) > 1:  # one of them spoils the others: which?
            for row in rows:
                ask([row])
        else:
            refusals.append(f"{replay.names[len(answers)]}: refused with {status}: {content.get('detail', content)}")
            answers.append({})

    for row in replay.rows[:WARM_UP]:
        stage.predict(name, [row])
    times = _timed(replay, stage, ask)
    for start in range(len(answers), len(replay.rows), most):
        ask(replay.rows[start : start + most])
    return _facts(bundle, replay, received(bundle.contract, answers), refusals, times, stage.compiled(name))


def _timed(replay: Replay, stage: Stage, ask: Any) -> list[float]:
    """Milliseconds of each row that is asked alone."""
    times: list[float] = []
    for row in replay.rows[:TIMED]:
        before = stage.seconds
        ask([row])
        times.append(1000 * (stage.seconds - before))
        if sum(times) > 1000 * TIMED_SECONDS:
            break
    return times


def _facts(
    bundle: Bundle,
    replay: Replay,
    found: np.ndarray,
    told: list[str],
    times: list[float] | None = None,
    compiled: bool | None = None,
) -> Rehearsal:
    stated = float((bundle.release.get("serving") or {}).get("tolerance") or 0.0)
    tolerance = max(stated, TOLERANCE * replay.scale)
    off = np.abs(found - replay.expected).reshape(len(replay.rows), -1).max(axis=1) if replay.rows else np.empty(0)
    wrong = np.flatnonzero(~(off <= tolerance))  # NaN: refused, or no answer at all
    largest = float(np.nanmax(off)) if np.isfinite(off).any() else None
    return Rehearsal(
        rows=len(replay.rows),
        wrong=len(wrong),
        largest=largest,
        tolerance=tolerance,
        examples=[*told, *(_example(replay, found, at) for at in wrong.tolist() if np.isfinite(off[at]))][:EXAMPLES],
        latency_ms=statistics.median(times) if times else None,
        latency_p99_ms=float(np.quantile(times, 0.99)) if times else None,
        size_mb=round(_size(bundle) / 1e6, 6),
        compiled=compiled,
    )


def _example(replay: Replay, found: np.ndarray, at: int) -> str:
    """For classes, the one whose probability differs most."""
    expected, came = np.atleast_1d(replay.expected[at]), np.atleast_1d(found[at])
    worst = int(np.argmax(np.abs(came - expected)))
    return f"{replay.names[at]}: {came[worst]:.6g} over HTTP, {expected[worst]:.6g} in batch"


def _size(bundle: Bundle) -> int:
    """Bytes of the model's files: the pipeline, and the compiled form beside it."""
    documents = bundle.folder / DOCUMENTS
    files = [bundle.folder / MODEL_FILE, documents / PLAN, documents / TREES]
    return sum(path.stat().st_size for path in files if path.is_file())
