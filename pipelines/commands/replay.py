"""Life, replayed: rows of the past asked over HTTP when they were due, labels given when they became known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import Unavailable

if TYPE_CHECKING:
    import pandas as pd
    from ratchet_client import Client

BATCH = 500  # rows per request


@dataclass
class Replay:
    """An application that asks about every row of a table and tells the truth when it comes out.

    `rows` has the columns that are sent (`sent`), `moment` (when the answer is asked for), `known` (when the label is
    known; NaT: never) and `label`, sorted by moment. How many rows go into a request is the client's affair.
    """

    client: Client
    problem: str
    rows: pd.DataFrame
    sent: list[str]
    asked: int = 0
    labelled: int = 0
    last_labelled: str | None = None  # id of a prediction whose label the service has
    versions: dict[int, int] = field(default_factory=dict)
    _open: list[tuple[str, Any, Any]] = field(default_factory=list)  # id, known, label

    def ask(self, start: datetime, end: datetime) -> int:
        """Ask about every row due in [start, end); gives how many."""
        first, last = self.rows["moment"].searchsorted([_naive(start), _naive(end)])
        due = self.rows.iloc[int(first) : int(last)]
        with _told():
            for answer, known, label in zip(
                self.client.predict_many(self.problem, due[self.sent]), due["known"], due["label"], strict=True
            ):
                self._open.append((answer.id, known, label))
                self.versions[answer.version] = self.versions.get(answer.version, 0) + 1
        self.asked += len(due)
        return len(due)

    def tell(self, now: datetime) -> int:
        """Give the label of every answered row that is known by `now`; gives how many the service accepted."""
        moment = _naive(now)
        ready = [one for one in self._open if one[1] <= moment]  # a label that never comes compares as False
        with _told():
            labels = [(key, label, known.isoformat() + "Z") for key, known, label in ready]
            taken = self.client.label(self.problem, labels).accepted
        self._open = [one for one in self._open if not one[1] <= moment]  # only now: a failed call forgets nothing
        self.labelled += len(taken)
        self.last_labelled = taken[-1] if taken else self.last_labelled
        return len(taken)


@contextmanager
def _told() -> Iterator[None]:
    """What the client could not do, as an error of ours."""
    from ratchet_client import RatchetClientError

    try:
        yield
    except RatchetClientError as error:
        raise Unavailable(f"the service did not answer as it should: {error}") from error


def _naive(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(moment).tz_localize(None)
