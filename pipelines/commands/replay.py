"""Life, replayed: rows of the past asked over HTTP when they were due, labels given when they became known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import Unavailable

if TYPE_CHECKING:
    import httpx
    import pandas as pd

BATCH = 500  # rows per request


@dataclass
class Replay:
    """An application that asks about every row of a table and tells the truth when it comes out.

    `rows` has the columns that are sent (`sent`), `moment` (when the answer is asked for), `known` (when the label is
    known; NaT: never) and `label`, sorted by moment.
    """

    client: httpx.Client
    problem: str
    rows: pd.DataFrame
    sent: list[str]
    asked: int = 0
    labelled: int = 0
    versions: dict[int, int] = field(default_factory=dict)
    _open: list[tuple[str, Any, Any]] = field(default_factory=list)  # id, known, label

    def ask(self, start: datetime, end: datetime) -> int:
        """Ask about every row due in [start, end), in batches; gives how many."""
        first, last = self.rows["moment"].searchsorted([_naive(start), _naive(end)])
        for position in range(int(first), int(last), BATCH):
            chunk = self.rows.iloc[position : min(position + BATCH, int(last))]
            content = chunk[self.sent].to_json(orient="records", date_format="iso", date_unit="us", double_precision=15)
            answer = self._post("predict", f'{{"instances":{content}}}')
            version = int(answer["model"]["version"])
            self.versions[version] = self.versions.get(version, 0) + len(chunk)
            ids = [one["id"] for one in answer["predictions"]]
            self._open.extend(zip(ids, chunk["known"], chunk["label"], strict=True))
        self.asked += int(last - first)
        return int(last - first)

    def tell(self, now: datetime) -> int:
        """Give the label of every answered row that is known by `now`; gives how many the service accepted."""
        moment = _naive(now)
        ready = [one for one in self._open if one[1] <= moment]  # a label that never comes compares as False
        accepted = 0
        for batch in _batches(ready):
            labels = [{"id": key, "label": label, "known_at": known.isoformat() + "Z"} for key, known, label in batch]
            accepted += len(self._post("labels", json={"labels": labels})["accepted"])
        self._open = [one for one in self._open if not one[1] <= moment]  # only now: a failed call forgets nothing
        self.labelled += accepted
        return accepted

    def _post(self, verb: str, content: str | None = None, json: Any = None) -> dict[str, Any]:
        path = f"/v1/models/{self.problem}/{verb}"
        headers = {"content-type": "application/json"} if content else None
        response = self.client.post(path, content=content, json=json, headers=headers)
        if not response.is_success:
            raise Unavailable(f"the service answered {response.status_code} to {path}: {response.text[:300]}")
        return dict(response.json())


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for position in range(0, len(items), BATCH):
        yield items[position : position + BATCH]


def _naive(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(moment).tz_localize(None)
