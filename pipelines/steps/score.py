"""Score: every row of a table answered by the champion, by the functions that the service uses too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.core.contract import Contract, check
from pipelines.core.errors import NotFound
from pipelines.core.history import HistoryIndex
from pipelines.core.scoring import answers, model_input, score
from pipelines.core.settings import Settings
from pipelines.steps.spread_parts import Part, parts, spread_parts
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.compute.cluster import open_cluster
from pipelines.stores.data.arrow_frames import plain_frame
from pipelines.stores.data.score_files import ScoreLayout
from pipelines.stores.data.table_chunks import TableWriter, open_stream
from pipelines.stores.logbook.log_entries import LoggedPrediction, as_utc
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.storage.files import digest_file

CHUNK = 20_000  # rows at a time: memory stays flat, and the log commits once per chunk
Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Scored:
    """What became of a table: `rows` = `answered` + `refused`."""

    problem: str
    version: int
    output: str
    rows: int
    answered: int
    refused: int
    logged: int


@dataclass(frozen=True)
class _Scorer:
    """The champion, its history and the clock of one scoring."""

    bundle: Bundle
    index: HistoryIndex | None
    as_of: datetime
    run: str
    """Digest that names this very scoring: the same again gives the same prediction ids."""
    log: bool


@dataclass(frozen=True)
class _Chunk:
    """One chunk scored; positions of the answered rows count within the chunk."""

    ids: list[str | None]
    found: list[dict[str, Any] | None]
    errors: list[str | None]
    entries: list[LoggedPrediction]


def score_table(
    problem: str,
    settings: Settings,
    table: Path,
    output: Path,
    as_of: datetime,
    log: bool = True,
    progress: Progress | None = None,
    chunk_rows: int = CHUNK,
) -> Scored:
    """Score the rows of `table` (CSV or Parquet) and write them to `output`, in their order, none left out.

    Columns: the key's (or `row`, counting from 0), `id`, `prediction`, `probability_<class>`, `error`. A row
    that breaks the contract has an error and no prediction. Rows without a time are asked at `as_of`. With
    `log` the answers are in the prediction log when this returns; killed and run again with the same `as_of`,
    nothing is logged twice. NotFound without a champion, SourceError when the table cannot be read.
    """
    bundle = open_champion(settings, problem)
    scorer = _Scorer(bundle, _history(settings, bundle), as_of, _run_digest(bundle, table, as_of), log)
    store = open_log(settings) if log else None
    rows = refused = logged = 0
    try:
        with open_cluster(settings) as cluster, open_stream(table, chunk_rows) as stream:
            if cluster is not None:
                bundle.load()  # its folder is not where the workers are
            layout = ScoreLayout.of(bundle.contract, stream.schema)
            with TableWriter(output, layout.schema) as writer:
                for part, chunk in spread_parts(cluster, _score_part, scorer, parts(stream.batches)):
                    if store is not None:
                        logged += _log(store, chunk.entries)
                    writer.write(layout.batch(part.batch, chunk.ids, chunk.found, chunk.errors, rows))
                    rows += part.batch.num_rows
                    refused += sum(error is not None for error in chunk.errors)
                    if progress is not None:
                        progress(rows, f"{rows:,} rows")
    finally:
        if store is not None:
            store.close()
    return Scored(problem, bundle.version or 0, str(output), rows, rows - refused, refused, logged)


def _history(settings: Settings, bundle: Bundle) -> HistoryIndex | None:
    if not bundle.problem.features.history:
        return None
    from pipelines.stores.data.history_store import load_current

    found = load_current(settings.history(bundle.problem.name))
    if found is None:
        name = bundle.problem.name
        raise NotFound(f"{name} needs history features and none are materialised: run `ratchet materialise {name}`")
    return found[0]


def _score_part(scorer: _Scorer, part: Part) -> _Chunk:
    """Here, or on a worker."""
    return _score_chunk(scorer, plain_frame(pa.Table.from_batches([part.batch])), part.first, scorer.log)


def _score_chunk(scorer: _Scorer, frame: pd.DataFrame, first: int, log: bool) -> _Chunk:
    """The chunk's answers, its first row being number `first`; log entries and ids only where it is logged."""
    contract = scorer.bundle.contract
    checked = check(contract, frame)
    errors: list[str | None] = [None] * len(frame)
    for row, feature, message in checked.issues.itertuples(index=False):
        told = f"{feature}: {message}"
        errors[row] = told if errors[row] is None else f"{errors[row]}; {told}"
    good = np.array([position for position, error in enumerate(errors) if error is None], dtype=int)
    typed = checked.frame.iloc[good].reset_index(drop=True)
    moments = _moments(contract, typed, scorer.as_of)
    entered = model_input(typed, scorer.index, moments)
    given = answers(contract, score(scorer.bundle.pipeline, contract.task, entered))
    ids: list[str | None] = [None] * len(frame)
    found: list[dict[str, Any] | None] = [None] * len(frame)
    for position, answer in zip(good.tolist(), given, strict=True):
        found[position] = answer
    if not log:
        return _Chunk(ids, found, errors, [])
    for position in good.tolist():
        ids[position] = _prediction_id(scorer, first + position)
    entries = list(_entries(scorer, entered, moments, [(ids[one], found[one]) for one in good.tolist()]))
    return _Chunk(ids, found, errors, entries)


def _moments(contract: Contract, frame: pd.DataFrame, as_of: datetime) -> np.ndarray:
    """The moment at which each row is asked: its time column's, else `as_of`."""
    now = np.datetime64(as_utc(as_of), "us")
    if contract.time is None or contract.time not in frame.columns:
        return np.full(len(frame), now)
    times = frame[contract.time].to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(times), now, times)


def _entries(
    scorer: _Scorer, entered: pd.DataFrame, moments: np.ndarray, given: Sequence[tuple[Any, Any]]
) -> Iterator[LoggedPrediction]:
    bundle, contract = scorer.bundle, scorer.bundle.contract
    names = [column.name for column in contract.columns if column.asked]
    inputs = zip(*(_json_values(entered[name]) for name in names), strict=True) if names else ((),) * len(given)
    joined = [feature.name for feature in bundle.problem.features.history]
    history = zip(*(_json_values(entered[name]) for name in joined), strict=True) if joined else None
    for position, ((name, answer), values) in enumerate(zip(given, inputs, strict=True)):
        yield LoggedPrediction(
            id=name,
            problem=bundle.problem.name,
            version=bundle.version or 0,
            run_id=str(bundle.release.get("run_id", "")),
            at=scorer.as_of,
            time=moments[position].item() if contract.time is not None else None,
            inputs=dict(zip(names, values, strict=True)),
            prediction=answer["prediction"],
            probabilities=answer.get("probabilities"),
            history=None if history is None else dict(zip(joined, next(history), strict=True)),
            source="batch",
        )


def _json_values(series: pd.Series) -> list[Any]:
    if series.dtype.kind == "M":
        return [None if value is pd.NaT else value.isoformat() for value in series]
    return series.tolist()


def _log(store: PredictionLog, entries: Sequence[LoggedPrediction]) -> int:
    """Append the chunk in one transaction, unless an earlier try of this very scoring already did."""
    if not entries:
        return 0
    try:
        store.get(entries[0].id)
    except NotFound:
        store.append(entries)
    return len(entries)


def _run_digest(bundle: Bundle, table: Path, as_of: datetime) -> str:
    if not table.is_file():
        return ""  # open_stream says so
    parts = [
        bundle.problem.name,
        str(bundle.version),
        str(bundle.release.get("run_id", "")),
        digest_file(table),
    ]
    return hashlib.sha256(" ".join([*parts, as_utc(as_of).isoformat()]).encode()).hexdigest()


def _prediction_id(scorer: _Scorer, row: int) -> str:
    """A UUIDv7 whose noise is the scoring's digest and the row's number: ids sort as the rows do."""
    milliseconds = int(as_utc(scorer.as_of).replace(tzinfo=UTC).timestamp() * 1000)
    value = milliseconds << 80 | int(scorer.run[:12], 16) << 32 | row
    value = value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
