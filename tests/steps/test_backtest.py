from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pipelines.core.backtesting.policies import Policy
from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.problem import Retraining
from pipelines.core.settings import Settings
from pipelines.steps.backtest import backtest
from pipelines.stores.problems.problem_files import LoadedProblem

Table = Callable[..., LoadedProblem]
START = datetime(2024, 1, 22, tzinfo=UTC)
TURNED = datetime(2024, 2, 12, tzinfo=UTC)


def _by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in found["policies"]}


@pytest.mark.slow
def test_the_whole_loop_is_replayed_under_each_policy(rehearsal_table: Table, settings: Settings) -> None:
    loaded = rehearsal_table()
    told: list[tuple[Any, ...]] = []
    mine = Policy("fortnightly", Retraining(on=[], growth=None, every=timedelta(days=14), min_new_labels=0))
    found = backtest(loaded, settings, [mine], START, jobs=1, progress=lambda *words: told.append(words))
    assert json.loads(json.dumps(found)) == found
    policies = _by_name(found)
    assert list(policies) == ["never", "calendar", "drift", "performance", "yours", "fortnightly"]
    never, performance = policies["never"], policies["performance"]
    assert {len(one["windows"]) for one in policies.values()} == {7}
    assert never["retrainings"] == 0
    assert {one["version"] for one in never["windows"]} == {1}
    alarms = [one["end"] for one in never["windows"] if one["kinds"]["performance"] == "alarm"]
    assert alarms
    assert min(alarms) > TURNED.isoformat()  # and never before
    assert performance["retrainings"] > 0
    assert performance["loss"] < 0.8 * never["loss"]
    assert performance["aftermath"][0]["left_alone"] > performance["aftermath"][0]["promised"]
    assert [one["at"] for one in policies["fortnightly"]["trainings"]][1:] == [
        (START + timedelta(days=14 * number)).isoformat() for number in (1, 2, 3)
    ]
    assert not (settings.home / "ratchet.db").exists()  # the ledger and the log know nothing of it
    assert ("never", 7, 7) in {words[:3] for words in told}
    again = backtest(loaded, settings, [mine], START, jobs=2)
    assert again["policies"] == [
        {**one, "watch_s": other["watch_s"]} for one, other in zip(found["policies"], again["policies"], strict=True)
    ]


def _timeless(training: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two equal trainings: the time it took, and the size of a file with ids in it."""
    return {**training, "cpu_seconds": 0, "gate": [text for text in training["gate"] if " MB" not in text]}


@pytest.mark.slow
def test_nothing_looks_ahead(rehearsal_table: Table, settings: Settings) -> None:
    """Rows asked after a moment, and labels that became known after it, are made up anew: what was decided stays."""
    moment = START + timedelta(days=35)

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        late = (frame["known"] > pd.Timestamp(moment.replace(tzinfo=None))).to_numpy()
        asked = (frame["at"] >= pd.Timestamp(moment.replace(tzinfo=None))).to_numpy()
        frame.loc[late, "late"] = frame.loc[late, "late"].map({"true": "false", "false": "true"})
        frame.loc[asked, "rain"] = 7.0
        frame.loc[asked, "line"] = "S9"
        frame.loc[frame.index[-1], "id"] = 5  # the key of an early row once more
        return frame

    sides = []
    for loaded in (rehearsal_table(), rehearsal_table(change)):
        found = _by_name(backtest(loaded, settings, (), START, jobs=1))
        parts = {}
        for name, one in found.items():
            until = moment.isoformat()
            windows = [{**window, "loss": 0} for window in one["windows"] if window["end"] <= until]
            trainings = [_timeless(training) for training in one["trainings"] if training["at"] <= until]
            parts[name] = (windows, trainings)
        sides.append(parts)
    assert sides[0] == sides[1]
    assert any(len(trainings) > 1 for _, trainings in sides[0].values())


def test_without_a_time_there_is_no_order_to_replay(rehearsal_table: Table, settings: Settings) -> None:
    loaded = rehearsal_table()
    text = loaded.text.replace(", time: at, key: id, label_known_at: known", "").split("  history")[0]
    from pipelines.stores.problems.problem_files import parse_problem

    timeless = LoadedProblem(
        parse_problem(f"{text}learners: [linear]\n", loaded.path), text, loaded.path, loaded.folder
    )
    with pytest.raises(ProblemError, match=r"trains has no data\.time"):
        backtest(timeless, settings)


def test_a_beginning_with_too_few_rows_says_what_is_missing(rehearsal_table: Table, settings: Settings) -> None:
    with pytest.raises(NotEnoughData, match=r"no release to begin with on 2024-01-01: .*--from"):
        backtest(rehearsal_table(), settings, (), datetime(2024, 1, 1, 6, tzinfo=UTC), jobs=1)
