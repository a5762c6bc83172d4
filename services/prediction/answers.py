"""What was answered: to the caller as JSON or as arrays, to the log as a block. Nothing is written row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any

import numpy as np
import orjson

from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import PredictionIds, make_ids
from services.prediction.live_model import Columns, History, LiveModel

_FEW = 64  # rows up to which plain Python beats arrays


@dataclass(slots=True)
class Answers:
    """The answers to the rows of one request, in its order."""

    model: LiveModel
    names: PredictionIds | list[str]
    scores: np.ndarray
    """(n,) values for regression, (n, k) probabilities in the contract's class order."""
    texts: list[str] | None = None
    """Each answer as a JSON object, once anybody has asked for it."""
    by: list[LiveModel] | None = None
    """Which release answered each row, where `model` did not answer all."""

    @property
    def ids(self) -> list[str]:
        """Each answer's id."""
        return self.names if isinstance(self.names, list) else self.names.texts

    @property
    def written(self) -> list[str]:
        """Each answer as a JSON object."""
        if self.texts is None:
            self.texts = _write(self.model, self.ids, self.scores)
        return self.texts

    def predictions(self) -> list[Any]:
        """The predicted labels as the contract types them, or the values."""
        if self.scores.ndim == 1:
            return self.scores.tolist()
        return [self.model.labels[code] for code in self.scores.argmax(axis=1).tolist()]

    def as_json(self) -> bytes:
        """The body of an answer: `{"predictions": [...], "model": {...}}`."""
        written = self.texts
        if written is None and len(self.scores) > _FEW:
            given = _write_all(self.model, self.ids, self.scores)
        else:
            given = ",".join(self.written)
        return f'{{"predictions":[{given}],"model":{self.model.named_json}}}'.encode()


@dataclass(slots=True)
class Scored:
    """What is known of rows that were scored together; `part` gives that of some of them."""

    model: LiveModel
    columns: Columns
    times: np.ndarray
    """The moment that each row speaks of, datetime64[us]."""
    scores: np.ndarray
    history: History
    asked: list[tuple[str, int]]
    """When it was asked about so many rows, as `stamp` writes moments."""
    ids: PredictionIds
    source: str = "api"

    def answers(self) -> Answers:
        """What their callers get."""
        return Answers(self.model, self.ids, self.scores)

    def block(self) -> LogBlock:
        """What the log keeps: the inputs as typed, the history as joined."""
        model, info = self.model, self.model.info
        inputs = {
            name: np.asarray(self.columns[name], dtype="M8[us]") if dates else self.columns[name]
            for name, dates in model.asked
        }
        time = model.contract.time
        first, last = self._span()
        return LogBlock(
            problem=info.problem,
            version=info.version,
            run_id=info.run_id,
            source=self.source,
            ids=self.ids,
            first=first,
            last=last,
            content=write_content(
                self.asked, time if time in inputs else None, inputs, self.history, self.scores, model.named_classes
            ),
        )

    def _span(self) -> tuple[datetime, datetime]:
        """The first and the last moment of these rows."""
        if len(self.times) <= _FEW:
            moments: list[datetime] = self.times.tolist()
            return min(moments), max(moments)
        return self.times.min().item(), self.times.max().item()

    def part(self, columns: Columns, start: int, asked: tuple[str, int]) -> Scored:
        """That of the rows of one request, which begin at `start`; `columns` are its own."""
        rows = slice(start, start + asked[1])
        history = None if self.history is None else {name: values[rows] for name, values in self.history.items()}
        ids = self.ids.part(rows.start, rows.stop)
        return Scored(self.model, columns, self.times[rows], self.scores[rows], history, [asked], ids, self.source)


def scored(
    model: LiveModel,
    columns: Columns,
    times: np.ndarray,
    scores: np.ndarray,
    history: History,
    asked: list[tuple[str, int]],
    source: str = "api",
) -> Scored:
    """Rows that were just scored, with ids of their own."""
    return Scored(model, columns, times, scores, history, asked, make_ids(len(scores)), source)


def stamp(moment: datetime) -> str:
    """A moment as the log keeps it.

    >>> from datetime import UTC
    >>> stamp(datetime(2013, 1, 1, 6, tzinfo=UTC))
    '2013-01-01 06:00:00.000000'
    """
    text = str(moment)
    return text[:26] if text[19:20] == "." else f"{text[:19]}.000000"


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


def _write(model: LiveModel, ids: Sequence[str], scores: np.ndarray) -> list[str]:
    """Answers as JSON objects: their numbers are written all at once, and each answer is one form filled in."""
    if not ids:
        return []
    form = model.answer_form
    return [form % row for row in zip(ids, *_written_scores(model, scores), strict=True)]


def _write_all(model: LiveModel, ids: Sequence[str], scores: np.ndarray) -> str:
    """The same, joined by commas; quicker for many."""
    first, *others = (part.replace("%%", "%") for part in f"{model.answer_form},".split("%s"))
    columns: list[Iterable[str]] = [repeat(first)]
    for values, text in zip((ids, *_written_scores(model, scores)), others, strict=True):
        columns += [values, repeat(text)]
    return "".join(chain.from_iterable(zip(*columns)))[:-1]  # noqa: B905 - what is repeated has no end


def _written_scores(model: LiveModel, scores: np.ndarray) -> list[list[str]]:
    """Predictions, and where there are any the probabilities by class, as JSON."""
    flat = orjson.dumps(np.ascontiguousarray(scores), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    numbers = flat.strip("[]").replace("],[", ",").split(",")
    if model.contract.classes is None:
        return [numbers]
    names, width = model.labels_json, scores.shape[1]
    labels = [names[code] for code in scores.argmax(axis=1).tolist()]
    return [labels, *(numbers[at::width] for at in range(width))]
