"""What every protocol goes through: check, score, log, and only then answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from pipelines.core.contract import Column, check_rows, decode, encode_label
from pipelines.core.errors import Issue
from pipelines.stores.group_commit import GroupCommit
from pipelines.stores.prediction_log import LoggedPrediction, PredictionLog, new_id
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.live_model import Answered, Columns, LiveModel
from services.prediction.metrics import Metrics
from services.prediction.payloads import read_instances, read_labels, refuse_issues

_LARGE = 50_000  # bytes: a body beyond it is read in a thread, so that others do not wait for it
_MOST_LABELS = 10_000
T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """Checked rows of one request: typed columns, the moment of each, and how many."""

    columns: Columns
    times: np.ndarray
    stated: list[datetime | None]
    """The moments that the rows themselves state."""


class DataPlane:
    """The one way from a request to an answer that is in the log."""

    def __init__(
        self, champions: Champions, scorer: Scorer, log: PredictionLog, writer: GroupCommit, metrics: Metrics
    ) -> None:
        self._champions, self._scorer = champions, scorer
        self._log, self._writer, self._metrics = log, writer, metrics

    async def predict(self, problem: str, body: bytes) -> dict[str, Any]:
        """The answer to `{"instances": [...]}`: given only once every row is durable in the log."""
        model = self._champions.live(problem)
        now = datetime.now(UTC)
        rows = await _off_loop(len(body), lambda: read_rows(model, body, now))
        answered = await self._scorer.score(model, rows.columns, rows.times)
        entries = log_entries(model, rows, answered, now)
        await self._writer.commit(entries)
        self._metrics.rows.labels(problem).inc(len(entries))
        predictions = [{"id": entry.id, **answer} for entry, answer in zip(entries, answered.answers, strict=True)]
        return {"predictions": predictions, "model": model.named}

    async def label(self, problem: str, body: bytes) -> dict[str, Any]:
        """The receipt for `{"labels": [...]}`: ids accepted (and durable), and the others with the reason."""
        contract = self._champions.live(problem).contract

        def check(label: Any) -> Any:
            return decode(contract, encode_label(contract, label))

        def keep() -> dict[str, Any]:
            payload = read_labels(body, _MOST_LABELS)
            receipt = self._log.add_labels(problem, payload.items, datetime.now(UTC), check)
            rejected = payload.rejected + [
                {"row": payload.positions[one.position], "id": one.id[:100], "reason": one.reason}
                for one in receipt.rejected
            ]
            return {"accepted": receipt.accepted, "rejected": sorted(rejected, key=lambda one: one["row"])}

        receipt = await asyncio.to_thread(keep)
        for outcome in ("accepted", "rejected"):
            self._metrics.labels.labels(problem, outcome).inc(len(receipt[outcome]))
        return receipt

    async def prediction(self, prediction_id: str) -> dict[str, Any]:
        """One answer as it was given, with every label that came for it; NotFound when there is none."""

        def find() -> dict[str, Any]:
            entry = self._log.get(prediction_id)
            fields = {name: getattr(entry, name) for name in entry.__slots__}
            return fields | {"labels": [vars(label) for label in self._log.labels(prediction_id)]}

        return await asyncio.to_thread(find)


def read_rows(model: LiveModel, body: bytes, now: datetime) -> Rows:
    """The request's rows as the contract types them; PayloadError names every row and feature that breaks it.

    A row of a problem with a time column that states none is asked about `now`.
    """
    instances = read_instances(body, model.definition.serving.max_rows)
    checked = check_rows(model.contract, instances)
    issues = checked.issues
    moment = np.datetime64(now.replace(tzinfo=None), "us")
    times = np.full(len(instances), moment)
    stated: list[datetime | None] = [None] * len(instances)
    name = model.contract.time
    if name is not None and name in checked.columns:
        given = np.array(checked.columns[name], dtype="datetime64[us]")
        times = np.where(np.isnat(given), moment, given)
        far = [Issue(row, name, _FAR) for row, one in enumerate(given.tolist()) if isinstance(one, int)]
        issues = (*issues, *far)
        stated = [one if isinstance(one, datetime) else None for one in given.tolist()]
    if issues:
        raise refuse_issues(issues)
    return Rows(checked.columns, times, stated)


_FAR = "expected a time between the years 1 and 9999"


def log_entries(model: LiveModel, rows: Rows, answered: Answered, now: datetime) -> list[LoggedPrediction]:
    """What the log keeps of each row: the inputs as typed, the history as joined, the answer as given."""
    columns = [column for column in model.contract.columns if column.asked]
    asked = [column.name for column in columns]
    cells = [_logged(column, rows.columns[column.name]) for column in columns]
    inputs: Iterable[tuple[Any, ...]] = zip(*cells, strict=True) if cells else [()] * len(rows.times)
    histories: Sequence[Any] = answered.history or [None] * len(rows.times)
    return [
        LoggedPrediction(
            id=new_id(),
            problem=model.info.problem,
            version=model.info.version,
            run_id=model.info.run_id,
            at=now,
            time=time,
            inputs=dict(zip(asked, values, strict=True)),
            prediction=answer["prediction"],
            probabilities=answer.get("probabilities"),
            history=history,
        )
        for values, time, answer, history in zip(inputs, rows.stated, answered.answers, histories, strict=True)
    ]


def _logged(column: Column, values: list[Any]) -> list[Any]:
    """Typed values as JSON has them."""
    if column.kind != "datetime":
        return values
    return [None if np.isnat(value) else str(value) for value in values]


async def _off_loop(size: int, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread when there is so much of it that other requests would wait."""
    return await asyncio.to_thread(work) if size > _LARGE else work()
