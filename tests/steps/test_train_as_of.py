from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pipelines.core.checks.decision import Change
from pipelines.core.settings import Settings
from pipelines.steps.train_as_of import TrainingRoom, throw_away_settings
from pipelines.stores.problems.problem_files import LoadedProblem

EARLY, LATE = datetime(2024, 1, 22, tzinfo=UTC), datetime(2024, 2, 26, tzinfo=UTC)


def test_a_training_is_made_once_and_a_duel_for_each_champion(
    rehearsal_table: Callable[..., LoadedProblem], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = rehearsal_table()
    room = TrainingRoom(loaded, throw_away_settings(settings, settings.home / "rehearsals" / "x", fresh=False))
    first = room(EARLY, None, None)
    assert first.outcome == "promote"
    assert first.candidate is not None
    assert 500 < first.candidate.labels <= first.rows
    side = first.candidate.side(1)
    assert side.version == 1
    assert side.history == ("late_by_line",)
    scores = first.candidate.score(side.reference.frame)
    np.testing.assert_allclose(scores, side.reference.scores)

    broken = room(LATE, (first.candidate, 1), Change(kind="alarm", text="performance: it broke"))
    assert broken.outcome == "promote"  # the concept has turned: two weeks of it beat what was learnt before
    assert broken.decision is not None
    assert broken.decision.path == "superior"

    room.tidy()
    assert not (room.settings.home / "data").exists()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained twice")

    monkeypatch.setattr("pipelines.steps.train_as_of.train", never)
    again = room(LATE, (first.candidate, 1), Change(kind="alarm", text="performance: it broke"))
    assert (again.decision, again.cpu_seconds) == (broken.decision, broken.cpu_seconds)
    alone = room(LATE, None, None)  # a duel that was not fought: the tables are made again, the model is not
    assert alone.outcome == "promote"
    assert alone.decision is not None
    assert alone.decision.path == "first"


def test_a_training_that_cannot_be_says_why(rehearsal_table: Callable[..., LoadedProblem], settings: Settings) -> None:
    room = TrainingRoom(rehearsal_table(), throw_away_settings(settings, settings.home / "x", fresh=True))
    found = room(datetime(2023, 1, 1, tzinfo=UTC), None, None)
    assert (found.outcome, found.candidate) == ("failed", None)
    assert "has no row up to 2023-01-01" in str(found.why)


def test_a_fresh_room_is_empty(settings: Settings) -> None:
    home = settings.home / "room"
    first = throw_away_settings(settings, home, fresh=False)
    (home / "left").write_text("over")
    assert first.home == home
    throw_away_settings(settings, home, fresh=False)
    assert (home / "left").exists()
    throw_away_settings(settings, home, fresh=True)
    assert not (home / "left").exists()
    assert (home / "cache").resolve() == settings.home / "cache"
