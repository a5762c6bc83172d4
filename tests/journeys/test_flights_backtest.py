"""The default policy on the year of flights, beside never and the four-weekly calendar.

The defaults were chosen on other data (docs/decisions/0014-backtest.md): here they are only reported.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.core.settings import Settings
from pipelines.steps.backtest import backtest
from pipelines.stores.problems.problem_files import load_problem


@pytest.mark.backtest
@pytest.mark.timeout(3600)  # ten minutes on two cores of one's own
def test_the_calendars_gain_with_four_trainings(settings: Settings) -> None:
    """117 % with four retrainings when it was last measured."""
    flights, start = load_problem("flights"), datetime(2013, 3, 1, tzinfo=UTC)
    found = backtest(flights, settings, (), start, only=["never", "calendar", "yours"])
    never, calendar, yours = found["policies"]
    assert calendar["loss"] < never["loss"]
    gained = (never["loss"] - yours["loss"]) / (never["loss"] - calendar["loss"])
    assert yours["retrainings"] <= 4
    assert gained >= 0.95
