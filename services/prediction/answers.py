"""What was answered: to the caller as JSON or as arrays, to the log as rows. Each value is written as JSON once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from pipelines.stores.log_entries import LogRow, new_ids
from services.prediction.live_model import Columns, History, LiveModel

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(slots=True)
class Answers:
    """The answers to the rows of one request, in its order."""

    model: LiveModel
    ids: list[str]
    scores: np.ndarray
    """(n,) values for regression, (n, k) probabilities in the contract's class order."""
    written: list[str]
    """Each answer as a JSON object."""
    by: list[LiveModel] | None = None
    """Which release answered each row, where `model` did not answer all."""

    def predictions(self) -> list[Any]:
        """The predicted labels as the contract types them, or the values."""
        if self.scores.ndim == 1:
            return self.scores.tolist()
        return [self.model.labels[code] for code in self.scores.argmax(axis=1).tolist()]

    def as_json(self) -> bytes:
        """The body of an answer: `{"predictions": [...], "model": {...}}`."""
        return f'{{"predictions":[{",".join(self.written)}],"model":{self.model.named_json}}}'.encode()


def write_answers(
    model: LiveModel,
    columns: Columns,
    scores: np.ndarray,
    history: History,
    asked_at: Sequence[str],
    source: str = "api",
) -> tuple[Answers, list[LogRow]]:
    """The answers to scored rows, and what the log keeps of them: the inputs as typed, the history as joined.

    `asked_at`: when each row was asked about, as the log keeps moments (see `stamp`).
    """
    count = len(scores)
    ids = new_ids(count)
    labels, odds = _written_scores(model, scores)
    cells = {name: _cells(columns[name], dates) for name, dates in model.asked}
    inputs = _written_rows(list(cells), list(cells.values()), count)
    joined: Sequence[str | None] = [None] * count
    if history is not None:
        joined = _written_rows(list(history), [values.tolist() for values in history.values()], count)
    info, written, rows = model.info, [], []
    times = _stated(model, cells, count)
    for name, at, time, label, share, given, history_given in zip(
        ids, asked_at, times, labels, odds, inputs, joined, strict=True
    ):
        shares = "" if share is None else f',"probabilities":{share}'
        written.append(f'{{"id":"{name}","prediction":{label}{shares}}}')
        # A plain tuple in the order of the table's columns: this is the busiest line of the service.
        row = (name, info.problem, info.version, info.run_id, at, time, time or at, given, history_given, label, share)
        rows.append((*row, source))
    return Answers(model, ids, scores, written), rows


def stamp(moment: datetime) -> str:
    """A moment as the log keeps it.

    >>> from datetime import UTC
    >>> stamp(datetime(2013, 1, 1, 6, tzinfo=UTC))
    '2013-01-01 06:00:00.000000'
    """
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def part(answers: Answers, start: int, end: int) -> Answers:
    """The answers to rows `start` to `end` (exclusive)."""
    return Answers(answers.model, answers.ids[start:end], answers.scores[start:end], answers.written[start:end])


def interleave(whole: np.ndarray, main: Answers | None, other: Answers) -> Answers:
    """The answers of two releases in the order of the request: `whole` says which rows are the other's.

    An answer of the other one names its model itself.
    """
    count = len(whole)
    ids, written = [""] * count, [""] * count
    by = [other.model] * count
    scores = np.empty((count, *other.scores.shape[1:]))
    tail = f',"model":{other.model.named_json}}}'
    named = dict(zip(np.flatnonzero(whole).tolist(), [one[:-1] + tail for one in other.written], strict=True))
    for places, given in ((np.flatnonzero(whole), other), (np.flatnonzero(~whole), main)):
        if given is None:
            continue
        scores[places] = given.scores
        for at, place in enumerate(places.tolist()):
            ids[place], by[place] = given.ids[at], given.model
            written[place] = named.get(place, given.written[at])
    return Answers(other.model if main is None else main.model, ids, scores, written, by)


def _written_scores(model: LiveModel, scores: np.ndarray) -> tuple[list[str], list[str | None]]:
    """Each row's prediction and probabilities as JSON; no probabilities for regression."""
    if model.contract.classes is None:
        return [orjson.dumps(value).decode() for value in scores.tolist()], [None] * len(scores)
    classes, names = model.contract.classes, model.labels_json
    labels = [names[code] for code in scores.argmax(axis=1).tolist()]
    return labels, [orjson.dumps(dict(zip(classes, row, strict=True))).decode() for row in scores.tolist()]


def _written_rows(names: list[str], cells: list[Any], count: int) -> list[str]:
    """Rows as JSON objects; NaN is null."""
    if not names:
        return ["{}"] * count
    return [
        orjson.dumps(dict(zip(names, row, strict=True)), option=_OPTIONS).decode() for row in zip(*cells, strict=True)
    ]


def _cells(values: Any, dates: bool) -> list[Any]:
    """A column's values as JSON has them."""
    if dates:
        texts: list[str] = np.datetime_as_string(np.asarray(values, dtype="M8[us]")).tolist()
        return [None if text == "NaT" else text for text in texts]
    return values.tolist() if isinstance(values, np.ndarray) else values


def _stated(model: LiveModel, cells: dict[str, list[Any]], count: int) -> list[str | None]:
    """The moments that the rows themselves state, as the log keeps them."""
    name = model.contract.time
    if name is None or name not in cells:
        return [None] * count
    return [None if text is None else text.replace("T", " ") for text in cells[name]]
