"""What every protocol goes through: check, score, log, and only then answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import Issue, NotFound, Unavailable
from pipelines.core.labels import decode, encode_label
from pipelines.core.request_rows import CheckedRows, check_columns, check_rows
from pipelines.core.values import reason_of
from pipelines.stores.logbook.prediction_log import PredictionLog
from services.prediction.answers import Answers, interleave
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.doors import Asked
from services.prediction.jobs import Tell
from services.prediction.live_model import LiveModel, select
from services.prediction.metrics import Metrics
from services.prediction.payloads import TooManyRows, off_loop, read_instances, read_labels, refuse_issues

if TYPE_CHECKING:
    from services.prediction.trials.rollouts import Rollouts, Trial

_LARGE = 1_200  # rows: more are checked in a thread, so that other requests do not wait for it
_LARGE_TABLE = 2_000  # the same for columns, which are checked as arrays
_MOST_LABELS = 10_000
_FEW = 24  # moments that are looked at one by one
_FIRST, _END = np.datetime64("0001-01-01", "us"), np.datetime64("10000-01-01", "us")
_FAR = "expected a time between the years 1 and 9999"
_ROUTING = "x-ratchet-key"


class DataPlane:
    """The one way from a request to an answer that is in the log."""

    def __init__(
        self, champions: Champions, rollouts: Rollouts, scorer: Scorer, log: PredictionLog, metrics: Metrics
    ) -> None:
        self._champions, self._rollouts, self._scorer = champions, rollouts, scorer
        self._log, self._metrics = log, metrics

    async def predict_rows(self, problem: str, rows: list[Any], asked: Asked | None = None) -> Answers:
        """The answers to rows as JSON has them, given only once every row is durable in the log.

        PayloadError names every row and feature that breaks the contract.
        """
        return await self._predict(problem, len(rows), _LARGE, lambda model: check_rows(model.contract, rows), asked)

    def is_quick(self, problem: str) -> bool:
        """Whether `begin` will do: one compiled release answers, and nothing is on trial."""
        model = self._champions.find(problem)
        return model is not None and model.compiled is not None and self._rollouts.active(problem) is None

    def begin(self, problem: str, body: bytes, tell: Tell) -> None:
        """Check the rows of a small body now and have them answered; `tell` is called once they are in the log."""
        model = self._champions.live(problem)
        rows = read_instances(body, model.definition.serving.max_rows)
        checked = _checked(model, lambda model: check_rows(model.contract, rows))
        self._scorer.submit(model, checked.columns, len(rows), datetime.now(UTC), tell)

    async def predict_columns(
        self, problem: str, columns: Mapping[str, Any], count: int, asked: Asked | None = None
    ) -> Answers:
        """The same for a table of `count` rows by columns, each a list or an array."""
        check = partial(_check_columns, columns, count)
        return await self._predict(problem, count, _LARGE_TABLE, check, asked)

    async def label(self, problem: str, body: bytes) -> dict[str, Any]:
        """The receipt for `{"labels": [...]}`: ids accepted (and durable), and the others with the reason."""
        contract = self._champions.live(problem).contract

        def check(label: Any) -> Any:
            try:
                return decode(contract, encode_label(contract, label))
            except ValueError as error:  # an answer repeats nothing of what was sent
                raise ValueError(reason_of(error)) from None

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

    async def _predict(
        self, problem: str, count: int, large: int, check: Callable[[LiveModel], CheckedRows], asked: Asked | None
    ) -> Answers:
        champion, trial = self._champions.live(problem), self._rollouts.active(problem)
        model = champion
        if asked is not None and asked.version is not None:
            model, trial = _of_version(champion, trial, asked.version), None
        most = champion.definition.serving.max_rows
        if count > most:
            raise TooManyRows(f"{count} rows in one request are too many: send at most {most} at a time")
        now = datetime.now(UTC)
        checked = await off_loop(count > large, lambda: _checked(model, check))
        if trial is None:
            answers, _ = await self._scorer.answer(model, checked.columns, count, now)
            self._metrics.count_rows(model.info, count)
        elif trial.mode == "canary":
            answers = await self._try_canary(champion, trial, checked, count, now, asked)
        else:
            answers = await self._try_shadow(champion, trial, checked, count, now)
        return answers

    async def _try_shadow(
        self, champion: LiveModel, trial: Trial, checked: CheckedRows, count: int, now: datetime
    ) -> Answers:
        """The champion's answers; the challenger may look at the rows afterwards."""
        answers, seconds = await self._scorer.answer(champion, checked.columns, count, now)
        trial.observe("champion", count, seconds, False)
        self._metrics.count_rows(champion.info, count)
        asked_at = np.full(count, np.datetime64(now.replace(tzinfo=None), "us"))
        trial.offer(champion, checked.columns, asked_at, answers.ids, count)
        return answers

    async def _try_canary(
        self, champion: LiveModel, trial: Trial, checked: CheckedRows, count: int, now: datetime, asked: Asked | None
    ) -> Answers:
        """The challenger answers its share of the rows; where it fails, the champion answers those too."""
        mask = trial.takes(checked, count, None if asked is None else asked.headers.get(_ROUTING))
        if not mask.any():
            answers, seconds = await self._scorer.answer(champion, checked.columns, count, now)
            trial.observe("champion", count, seconds, False)
            self._metrics.count_rows(champion.info, count)
            return answers
        theirs, ours = int(mask.sum()), int(count - mask.sum())
        try:
            other, seconds = await self._scorer.answer(
                trial.model, select(checked.columns, np.flatnonzero(mask)), theirs, now
            )
        except Unavailable:
            raise  # the log or the service itself: no fault of the challenger
        except Exception:  # noqa: BLE001 - whatever a challenger breaks on, the caller gets the champion's answer
            trial.observe("challenger", theirs, 0.0, True)
            answers, seconds = await self._scorer.answer(champion, checked.columns, count, now)
            trial.observe("champion", count, seconds, False)
            self._metrics.count_rows(champion.info, count)
            return answers
        trial.observe("challenger", theirs, seconds, False)
        self._metrics.count_rows(trial.model.info, theirs)
        rest = None
        if ours:
            rest, seconds = await self._scorer.answer(
                champion, select(checked.columns, np.flatnonzero(~mask)), ours, now
            )
            trial.observe("champion", ours, seconds, False)
            self._metrics.count_rows(champion.info, ours)
        return interleave(mask, rest, other)


def _check_columns(columns: Mapping[str, Any], count: int, model: LiveModel) -> CheckedRows:
    return check_columns(model.contract, columns, count)


def _checked(model: LiveModel, check: Callable[[LiveModel], CheckedRows]) -> CheckedRows:
    """The rows as the contract types them; PayloadError where they break it."""
    checked = check(model)
    issues = checked.issues
    name = model.contract.time
    if name is not None and name in checked.columns:
        far = [Issue(row, name, _FAR) for row in _far_rows(checked.columns[name])]
        issues = (*issues, *far) if far else issues
    if issues:
        raise refuse_issues(issues)
    return checked


def _far_rows(moments: Any) -> list[int]:
    """Where a moment is that no datetime can hold; a missing one is no such."""
    if type(moments) is list and len(moments) <= _FEW:
        return [row for row, one in enumerate(moments) if type(one.item()) is int]
    near = np.asarray(moments, dtype="M8[us]")
    return np.flatnonzero(((near < _FIRST) | (near >= _END)) & ~np.isnat(near)).tolist()


def _of_version(champion: LiveModel, trial: Trial | None, version: int) -> LiveModel:
    if champion.info.version == version:
        return champion
    if trial is not None and trial.model.info.version == version:
        return trial.model
    raise NotFound(f"version {version} is not served: version {champion.info.version} is")
