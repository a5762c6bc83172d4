"""Planted bad models, trained and released by the real steps: the gate keeps each for the right reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import Released, release
from pipelines.steps.train import train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.releases.champions import open_champion

pytestmark = pytest.mark.journey

AS_OF = datetime(2024, 9, 1, tzinfo=UTC)
PROBLEM = """
name: trains
data: {{source: trains.csv, target: late, time: at, label_delay: 1h}}
features:
  ignored: {ignored}
  history:
    - {{name: late lately, by: line, of: late, window: 7d}}
learners: [{learner}]
search: {{trials: 1}}
split: {{forget: {forget}}}
good_enough: {{explain_seconds: 0, {rules}}}
"""
BOOSTED = "{name: histogram_gradient_boosting, params: {max_iter: 200, early_stopping: false, min_samples_leaf: 1}}"
FOREST = "{name: random_forest, params: {n_estimators: 300, min_samples_leaf: 2}}"


def timetable(rows: int = 4000, later: float = 0.0) -> pd.DataFrame:
    """Was it late? `rain` tells much everywhere; `snow` falls in the north (a fifth) alone, `crowd` is elsewhere.

    `later`: how much the log-odds of being late grow once four fifths of the time are over.
    """
    random = np.random.default_rng(5)
    region = random.choice(["north", "west", "south"], rows, p=[0.2, 0.4, 0.4])
    rain, noise = random.normal(size=(2, rows))
    snow = np.where(region == "north", random.normal(0, 2.5, rows), 0.0)
    crowd = np.where(region == "north", 0.0, random.normal(0, 2.5, rows))
    shift = np.where(np.arange(rows) < 0.8 * rows, -0.5, later - 0.5)
    late = random.random(rows) < 1 / (1 + np.exp(-(rain + snow + crowd + shift)))
    return pd.DataFrame(
        {
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 80, "min"),
            "region": region,
            "line": random.choice(["S1", "S2", "Übersee", None], rows),
            "rain": np.where(random.random(rows) < 0.05, np.nan, rain),
            "snow": snow,
            "crowd": crowd,
            "noise": noise,
            "late": late,
        }
    )


@dataclass
class Wheel:
    """Everything from the table to the decision, over and over in one home."""

    settings: Settings
    folder: Path
    frame: pd.DataFrame = field(default_factory=timetable)

    def turn(
        self,
        learner: str = "linear",
        ignored: tuple[str, ...] = (),
        rules: str = "",
        plant: Callable[[Path], None] | None = None,
        forget: bool = True,
    ) -> Released:
        """Train on the table as it is now and let the gate decide; `plant` spoils the run before it is trained."""
        self.frame.to_csv(self.folder / "trains.csv", index=False)
        path = self.folder / "trains.yaml"
        path.write_text(PROBLEM.format(learner=learner, ignored=list(ignored), rules=rules, forget=forget))
        loaded = load_problem(str(path))
        ingested = ingest(loaded, self.settings, AS_OF)
        key = run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
        run = self.settings.work("trains") / key
        run.mkdir(parents=True)
        prepare(loaded, ingested, run)
        featurize(loaded, run)
        if plant is not None:
            plant(run)
        train(loaded, run)
        try:
            champion = open_champion(self.settings, "trains")
        except NotFound:
            champion = None
        evaluate(loaded, run, champion)
        return release(loaded, self.settings, run, ingested, AS_OF)

    def failed(self, released: Released) -> set[str]:
        """The checks that failed, as the ledger has them; the words before a name in them are enough."""
        ledger = Ledger(self.settings.database)
        try:
            entry = ledger.entries("trains", "release", limit=1)[0]
        finally:
            ledger.close()
        assert entry.outcome == released.decision == "keep"
        return {check["name"] for check in entry.evidence["checks"] if not check["passed"]}


@pytest.fixture
def wheel(settings: Settings, tmp_path: Path) -> Wheel:
    return Wheel(settings.model_copy(update={"rehearsal": True}), tmp_path)


def reason(released: Released, word: str) -> str:
    return next(one for one in released.reasons if word in one)


def test_a_good_model_is_promoted_by_the_same_rules(wheel: Wheel) -> None:
    found = wheel.turn()
    assert (found.decision, found.path, found.champion) == ("promote", "first", 1)
    assert found.rehearsal is not None
    assert (found.rehearsal["rows"], found.rehearsal["wrong"], found.rehearsal["compiled"]) == (500, 0, True)


def test_a_leaky_one(wheel: Wheel) -> None:
    """The minutes of delay are known once it was late or not."""
    delay = np.random.default_rng(1).gamma(2, 5, len(wheel.frame))
    wheel.frame["delay minutes"] = np.where(wheel.frame["late"], 15 + delay, delay.clip(max=14.9)).round(1)
    found = wheel.turn()
    assert wheel.failed(found) == {"leak delay minutes"}
    assert "alone it tells the held-out labels almost perfectly" in reason(found, "leak")
    assert found.champion is None
    assert wheel.turn(rules="not_leaks: [delay minutes]").decision == "promote", "a person may know better"


def test_an_overfit_one(wheel: Wheel) -> None:
    """There is nothing to learn, and it has learnt it all by heart."""
    wheel.frame["late"] = np.random.default_rng(2).permutation(wheel.frame["late"].to_numpy())
    found = wheel.turn(learner=BOOSTED)
    assert {"baseline", "overfit"} <= wheel.failed(found) <= {"baseline", "overfit", "calibration"}
    assert "on the rows it was fitted on" in reason(found, "overfitted")


def test_a_miscalibrated_one(wheel: Wheel) -> None:
    """The order of its answers is right, and the world has changed since: far more trains are late."""
    wheel.frame = timetable(later=2.5)
    found = wheel.turn(rules="metric: roc_auc", forget=False)
    assert wheel.failed(found) == {"calibration"}
    assert "miscalibrated" in reason(found, "answers lie")


def test_one_that_forgets_the_world_of_before_is_a_good_one(wheel: Wheel) -> None:
    wheel.frame = timetable(later=2.5)
    found = wheel.turn(rules="metric: roc_auc")
    assert found.decision == "promote"


def lose(column: str) -> Callable[[Path], None]:
    """The column's values came to the wrong rows where the model learns, and to the right ones where it is judged."""

    def plant(run: Path) -> None:
        features = read_parquet(run / "features.parquet")
        learnt = np.flatnonzero(features["__side"] != "test")
        features.loc[learnt, column] = features[column].to_numpy()[np.random.default_rng(4).permutation(learnt)]
        write_parquet(features, run / "features.parquet")

    return plant


@pytest.mark.parametrize("declared", [True, False])
def test_one_that_is_better_on_average_and_harms_a_slice(wheel: Wheel, declared: bool) -> None:
    """It has learnt what crowds do, and forgotten the snow of the north."""
    rules = "slices: [region]" if declared else "search_slices: true"
    assert wheel.turn(rules=rules, plant=lose("crowd")).decision == "promote"
    wheel.frame["noise"] *= 2  # other data, another run
    found = wheel.turn(rules=rules, plant=lose("snow"))
    failed = wheel.failed(found)
    assert all(name.startswith("slice ") for name in failed), failed
    assert any("region = north" in name or "snow" in name for name in failed), failed
    gain = next(check for check in found.checks if check["name"] == "gain")
    assert gain["passed"], "on average it is credibly better"
    assert found.champion == 1
    wheel.frame["noise"] *= 2
    assert wheel.turn(rules=rules).champion == 3, "one that knows both is promoted"


def test_one_that_is_too_slow(wheel: Wheel) -> None:
    """A forest of 300 trees by scikit-learn alone, one row at a time."""
    wheel.settings = wheel.settings.model_copy(update={"compile": "off"})
    found = wheel.turn(learner=FOREST, rules="max_latency_ms: 10")
    assert wheel.failed(found) == {"latency"}
    assert "beyond the budget of 10 ms" in reason(found, "over HTTP")
    assert found.rehearsal is not None
    assert found.rehearsal["wrong"] == 0


def test_one_that_answers_otherwise_over_http_than_in_batch(wheel: Wheel) -> None:
    """Its history was made by other code than serving runs: it knew the line's delays of the week to come."""

    def plant(run: Path) -> None:
        features = read_parquet(run / "features.parquet")
        ahead = features.sort_values("__time", ascending=False).groupby("line", dropna=False)["__y"]
        features["late lately"] = ahead.transform(lambda known: known.rolling(120, min_periods=1).mean())
        write_parquet(features, run / "features.parquet")

    found = wheel.turn(plant=plant)
    assert wheel.failed(found) == {"parity"}
    assert "over HTTP than in batch: row" in reason(found, "answered otherwise")
    assert any(check["name"] == "parity" and check["value"] > 300 for check in found.checks)


def test_every_decision_is_on_record_with_what_it_was_made_on(wheel: Wheel) -> None:
    found: dict[str, Any] = wheel.turn().rehearsal or {}
    ledger = Ledger(wheel.settings.database)
    (entry,) = ledger.entries("trains", "release")
    ledger.close()
    assert entry.evidence["rehearsal"] == found
    assert entry.evidence["problem_text"] == (wheel.folder / "trains.yaml").read_text()
