from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from prefect.server.schemas.schedules import CronSchedule

from pipelines.core.cron import Cron

START = datetime(2024, 1, 15, 10, 17, tzinfo=UTC)
USUAL = [
    "0 3 * * 1",
    "*/15 * * * *",
    "30 4 1,15 * 5",  # on the 1st, on the 15th, and on Fridays
    "0 0 29 2 *",
    "5 0 * 8 *",
    "0 22 * * mon-fri",
    "23 0-20/2 * * *",
    "0 4 8-14 * *",
    "0 0 * JAN,jul 7",
    "10/20 6 */10 * *",
    "@monthly",
    "@hourly",
]


def _as_the_scheduler(text: str, start: datetime, count: int) -> list[datetime]:
    """What the schedule of the deployment will do."""
    dates = asyncio.run(CronSchedule(cron=text, timezone="UTC").get_dates(count, start))
    return [datetime.fromtimestamp(one.timestamp(), UTC) for one in dates]


def _ours(text: str, start: datetime, count: int) -> list[datetime]:
    return list(islice(Cron.parse(text).between(start, start + timedelta(days=36 * 366)), count))


@pytest.mark.parametrize("text", USUAL)
def test_it_is_due_when_the_scheduler_says(text: str) -> None:
    assert _ours(text, START, 8) == _as_the_scheduler(text, START, 8)


@st.composite
def _field(draw: st.DrawFn, lowest: int, highest: int) -> str:
    low = draw(st.integers(lowest, highest - 1))
    high = draw(st.integers(low + 1, highest))
    step = draw(st.integers(1, 9))
    return draw(st.sampled_from(["*", f"*/{step}", f"{low}", f"{low}-{high}", f"{low}-{high}/{step}", f"{low},{high}"]))


@effort(max_examples=40, deadline=None)
@given(st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 6)))
def test_any_expression_means_the_same_to_the_scheduler(parts: tuple[str, ...]) -> None:
    text = " ".join(parts)
    assert _ours(text, START, 5) == _as_the_scheduler(text, START, 5)


def test_the_start_belongs_to_a_stretch_and_the_end_does_not() -> None:
    weekly = Cron.parse("0 3 * * 1")
    monday = datetime(2024, 1, 1, 3, tzinfo=UTC)
    assert list(weekly.between(monday, monday + timedelta(days=7))) == [monday]
    assert list(weekly.between(monday + timedelta(seconds=1), monday + timedelta(days=7))) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 3 * * * *", "five fields"),
        ("60 3 * * *", "0 to 59"),
        ("x 3 * * *", "'x' is no minute"),
        ("0 3 0 * *", "1 to 31"),
        ("0 3 * * mo", "'mo' is no weekday"),
        ("0 3 * * 5-2", "'5-2' is no weekday"),
        ("0 3 * * 5-5", "'5-5' is no weekday"),
        ("*/0 3 * * *", "'*/0' is no minute"),
        ("0 3 ² * *", "no day"),
        ("0 3 31 2,4 *", "never due"),
    ],
)
def test_what_cannot_be_read_is_told_with_an_example(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|never due") as told:
        Cron.parse(text)
    assert why in str(told.value)
