from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.retraining import Labels
from pipelines.stores.releases.champion_labels import champion_labels, data_end

MARCH, APRIL = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 4, 1, tzinfo=UTC)


@dataclass
class Champion:
    """What of a bundle says how far its labels reached."""

    release: dict[str, Any]
    scorecard: dict[str, Any] = field(default_factory=dict)


class Log:
    """A log that counts a label an hour."""

    def new_labels(self, problem: str, since: datetime, until: datetime) -> int:
        return int((until - since).total_seconds() // 3600)


@pytest.mark.parametrize(
    ("champion", "end"),
    [
        (Champion({"as_of": "2013-03-01T00:00:00+00:00"}), MARCH),
        (Champion({"as_of": "2013-03-01T00:00:00"}), MARCH),  # of an older version: no zone was written
        (Champion({}, {"period": ["2013-02-01T00:00:00Z", "2013-03-01T00:00:00Z"]}), MARCH),
        (Champion({}), datetime(1970, 1, 1, tzinfo=UTC)),  # nobody wrote it down: every label is new
    ],
)
def test_labels_are_new_from_where_the_champions_data_ended(champion: Any, end: datetime) -> None:
    assert data_end(champion) == end


def test_the_labels_beyond_the_champions_are_counted() -> None:
    champion: Any = Champion({"as_of": MARCH.isoformat(), "labels": 50_000})
    log: Any = Log()
    assert champion_labels(log, champion, "p", APRIL) == Labels(31 * 24, MARCH, 50_000)
