"""The maker of toy runs (tests/toy_runs.py), for the tests of bundles and releases; the logs of a home."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """tests/toy_runs.py; test folders are no packages, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("toy_runs", Path(__file__).parents[1] / "toy_runs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_runs"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
