"""The logs of a home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.trials.trial_log import TrialLog


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings of a home of the test's own; with the fixture `database` on PostgreSQL too."""
    if "database" not in request.fixturenames:
        return settings
    url: str = request.getfixturevalue("database")
    return settings if url.startswith("sqlite") else settings.model_copy(update={"database_url": url})


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    """The prediction log of the test's home."""
    opened = PredictionLog(settings.database)
    yield opened
    opened.close()


@pytest.fixture
def trials(settings: Settings) -> Iterator[TrialLog]:
    """The log of trials of the test's home."""
    opened = TrialLog(settings.database)
    yield opened
    opened.close()
