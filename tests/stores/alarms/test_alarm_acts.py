from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.alarms.alarm_acts import acknowledge, acknowledgements, silence, silences, unsilence
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.sql.notice_tables import Episode

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.database)
    yield opened
    opened.close()


def test_a_silence_lasts_until_it_ends(ledger: Ledger) -> None:
    entry = silence(ledger, "p", ["quality", "data"], NOW + HOUR, NOW, "Ada", "the source moves")
    (one,) = silences(ledger, NOW + HOUR / 2, "p")
    assert (one.kinds, one.until, one.actor, one.reason) == (
        ["data", "quality"],
        NOW + HOUR,
        "Ada",
        "the source moves",
    )
    assert one.entry == entry.id
    assert one.covers(["quality"])
    assert not one.covers(["quality", "performance"])
    assert "Ada until 2026-01-01 01:00 UTC: the source moves" in one.text
    assert silences(ledger, NOW + HOUR) == []
    assert silences(ledger, NOW, "other") == []


def test_the_last_word_on_the_same_kinds_counts(ledger: Ledger) -> None:
    silence(ledger, "p", None, NOW + HOUR, NOW, "Ada", "one")
    silence(ledger, "p", None, NOW + 9 * HOUR, NOW + HOUR / 2, "Bob", "longer")
    silence(ledger, "p", ["data"], NOW + 2 * HOUR, NOW, "Ada", "another")
    assert [(one.actor, one.reason) for one in silences(ledger, NOW)] == [("Ada", "another"), ("Bob", "longer")]
    unsilence(ledger, "p", None, NOW + HOUR, "Ada", "it is done")
    assert [one.reason for one in silences(ledger, NOW)] == ["another"]
    with pytest.raises(NotFound, match="no silence of all kinds"):
        unsilence(ledger, "p", [], NOW, "Ada", "again")
    with pytest.raises(NotFound, match="no silence of quality"):
        unsilence(ledger, "p", ["quality"], NOW, "Ada", "never")


def test_an_acknowledgement_is_of_one_episode(ledger: Ledger) -> None:
    episode = Episode("p:health:7", "p", "health", ["data"], ["data"], ["data"], NOW, 7, 9, "s", NOW, 1)
    entry = acknowledge(ledger, episode, NOW, "Ada", "on it")
    found = acknowledgements(ledger, "p")
    assert found["p:health:7"].actor == "Ada"
    assert found["p:health:7"].entry == entry.id
    assert (entry.kind, entry.outcome, entry.evidence["verdict"]) == ("acknowledgement", "acknowledged", 9)
    assert acknowledgements(ledger, "other") == {}


def test_who_and_why_are_asked_for_and_the_end_must_be_ahead(ledger: Ledger) -> None:
    with pytest.raises(ProblemError, match="a silence needs a name and a reason"):
        silence(ledger, "p", None, NOW + HOUR, NOW, "Ada", " ")
    with pytest.raises(ProblemError, match="is past"):
        silence(ledger, "p", None, NOW, NOW, "Ada", "why")
    assert ledger.entries() == []
