from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.console import phrases

START = datetime(2013, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (START + timedelta(days=1), "5 Apr 2013"),
        (START + timedelta(days=7), "5 to 11 Apr 2013"),
        (START + timedelta(days=30), "5 Apr to 4 May 2013"),
        (START + timedelta(days=300), "5 Apr 2013 to 29 Jan 2014"),
        (START + timedelta(hours=1), "5 Apr 2013, 00:00 to 01:00"),
        (START + timedelta(hours=30), "5 Apr 2013, 00:00 to 6 Apr 2013, 06:00"),
    ],
)
def test_a_stretch_of_whole_days_ends_on_its_last_day(end: datetime, words: str) -> None:
    assert phrases.stretch(START, end) == words


def test_moments_are_told_in_utc() -> None:
    east = datetime(2013, 4, 5, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    assert phrases.moment(east) == "5 Apr 2013, 00:30"
    assert phrases.moment(None) == phrases.ago(None, START) == "never"


def test_durations_have_the_largest_unit_that_fits() -> None:
    told = [phrases.lasting(seconds) for seconds in (1, 119, 7199, 100_000, 3 * 86_400, 200 * 86_400)]
    assert told == ["1 second", "119 seconds", "120 minutes", "28 hours", "3 days", "7 months"]
    assert phrases.ago(START + timedelta(hours=3), START) == "in 3 hours"


def test_numbers_keep_three_digits_and_no_noise() -> None:
    told = [
        phrases.number(value) for value in (0.5, 1e-7, 12345.6, float("nan"), float("inf"), True, "x", 100.0, 99.96)
    ]
    assert told == ["0.5", "0.0000001", "12,346", "–", "–", "True", "x", "100", "100"]


def test_outcomes_have_a_tone_and_a_word() -> None:
    assert [phrases.tone(one) for one in ("alarm", "promote", "keep", "asked")] == ["bad", "good", "care", "plain"]
    assert phrases.outcome_word("awaiting_approval") == "waits for approval"
    assert phrases.outcome_word("something_new") == "something new"
    assert phrases.read_moment("no moment") is None
