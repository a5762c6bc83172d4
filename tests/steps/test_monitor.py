from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import NotFound
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.monitor import Watched, monitor
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.score import score_table
from pipelines.steps.train import train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.problems.problem_files import LoadedProblem, load_problem

AS_OF = datetime(2013, 3, 1, tzinfo=UTC)
END = datetime(2013, 3, 8, tzinfo=UTC)
PROBLEM = """
name: trips
task: binary
data: {source: trips.csv, target: late, time: asked at, label_delay: 1h}
learners: [linear]
search: {trials: 1}
good_enough: {minimum: 0.9}
"""


def trips(start: datetime, days: int, n: int, seed: int, shift: float = 0.0, broken: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    line, size = rng.choice(["a", "b", "ü"], n), rng.gamma(2.0, 2.0, n) + shift
    late = rng.random(n) < 1 / (1 + np.exp(3 - size / 1.5 - (line == "a")))
    when = pd.Timestamp(start.replace(tzinfo=None)) + pd.to_timedelta(np.sort(rng.random(n)) * days, unit="D")
    truth = ~late if broken else late
    asked = when.astype("datetime64[s]")
    return pd.DataFrame({"asked at": asked, "line": line, "size [m²]": size.round(3), "late": truth})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trips")
    trips(datetime(2013, 1, 1), 58, 2500, 0).to_csv(folder / "trips.csv", index=False)
    (folder / "trips.yaml").write_text(PROBLEM)
    settings = Settings(home=folder / "home")
    loaded = load_problem(str(folder / "trips.yaml"))
    ingested = ingest(loaded, settings, AS_OF)
    work = settings.work("trips") / run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    work.mkdir(parents=True)
    prepare(loaded, ingested, work)
    featurize(loaded, work)
    train(loaded, work)
    evaluate(loaded, work, None)
    assert release(loaded, settings, work, ingested, AS_OF).decision == "promote"
    return folder


@pytest.fixture
def settings(trained: Path, tmp_path: Path) -> Settings:  # type: ignore[override]
    """The trained home with a database and an Evidently workspace of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("mlflow", "releases"):
        if (trained / "home" / name).exists():
            shutil.copytree(trained / "home" / name, home / name)
    shutil.copy(trained / "home" / "ratchet.db", home / "ratchet.db")
    return Settings(home=home, mlflow_uri=Settings(home=trained / "home").tracking_uri)


@pytest.fixture
def loaded(trained: Path) -> LoadedProblem:
    return load_problem(str(trained / "trips.yaml"))


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.database)
    yield opened
    opened.close()


def answer(settings: Settings, frame: pd.DataFrame, share: float = 1.0, late: timedelta = timedelta(hours=1)) -> None:
    """The rows answered by the champion, and the first `share` of them labelled an hour after their time."""
    path = settings.home / "asked.parquet"
    frame.drop(columns="late").to_parquet(path, index=False)
    score_table("trips", settings, path, settings.home / "answered.parquet", END)
    ids = pd.read_parquet(settings.home / "answered.parquet")["id"]
    items = [
        {"id": ids[row], "label": bool(frame["late"][row]), "known_at": frame["asked at"][row].to_pydatetime() + late}
        for row in range(int(len(frame) * share))
    ]
    log = PredictionLog(settings.database)
    assert not log.add_labels("trips", items, END, lambda label: label).rejected
    log.close()


def label(settings: Settings, frame: pd.DataFrame, rows: Sequence[int], now: datetime = END) -> None:
    """The true labels of some of the rows answered last, each known an hour after its time."""
    ids = pd.read_parquet(settings.home / "answered.parquet")["id"]
    known = [frame["asked at"][row].to_pydatetime() + timedelta(hours=1) for row in rows]
    items = [
        {"id": ids[row], "label": bool(frame["late"][row]), "known_at": at} for row, at in zip(rows, known, strict=True)
    ]
    log = PredictionLog(settings.database)
    assert not log.add_labels("trips", items, now, lambda one: one).rejected
    log.close()


def with_window(problem: Problem, days: int) -> Problem:
    watch = problem.monitoring.model_copy(update={"window": timedelta(days=days)})
    return problem.model_copy(update={"monitoring": watch})


def watch(loaded: LoadedProblem, settings: Settings, as_of: datetime = END, **window: Any) -> Watched:
    return monitor(loaded, settings, window.get("start"), window.get("end"), as_of)


def test_a_calm_week_is_healthy(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1))
    found = watch(loaded, settings)
    assert (found.level, found.reasons, found.retrain) == ("healthy", [], False)
    assert found.kinds == dict.fromkeys(
        ["performance", "calibration", "estimate", "prediction", "data", "quality"], "healthy"
    )
    assert found.coverage == pytest.approx(found.labels / found.rows)
    assert found.notes == []
    assert (found.rows, found.start) == (800, AS_OF.isoformat())
    assert found.numbers["harm"] < found.numbers["harm, limit"]
    assert Path(found.report).is_file()
    json.dumps(asdict(found), allow_nan=False)
    (entry,) = ledger.entries("trips", kind="verdict")
    assert (entry.key, entry.outcome, entry.version) == (found.key, "healthy", 1)
    assert {one["name"] for one in entry.evidence["columns"]} == {"line", "size [m²]"}


def test_harmless_drift_warns_and_asks_for_nothing(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1, shift=2.0))
    found = watch(loaded, settings)
    assert (found.level, found.kinds["data"], found.kinds["prediction"]) == ("warning", "warning", "warning")
    assert not found.retrain
    assert ledger.requests("trips") == []


def test_a_broken_week_is_an_alarm_and_asks_once(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1, broken=True))
    found = watch(loaded, settings)
    assert (found.level, found.kinds["performance"], found.retrain) == ("alarm", "alarm", True)
    again = watch(loaded, settings)
    assert again == found
    (request,) = ledger.requests("trips")
    assert (request.id, request.as_of, request.state) == (found.request_id, END, "open")
    assert "above what these answers promised" in request.reason
    assert len(ledger.entries("trips", kind="verdict")) == 1


def test_a_second_alarm_waits_for_the_first_request(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    answer(settings, trips(AS_OF, 8, 900, seed=1, broken=True))
    first = watch(loaded, settings)
    later = watch(loaded, settings, END + timedelta(hours=12))
    assert not later.retrain
    assert "under way" in later.blocked_by[0]
    ledger.finish(first.request_id or 0, END, "keep")
    cooling = watch(loaded, settings, END + timedelta(hours=18))
    assert [one for one in cooling.blocked_by if "cooldown" in one]
    assert len(ledger.requests("trips")) == 1


def test_a_kill_between_verdict_and_request_is_made_good(
    loaded: LoadedProblem, settings: Settings, ledger: Ledger
) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1, broken=True))
    first = watch(loaded, settings)
    with sqlite3.connect(settings.home / "ratchet.db") as database:  # as if killed right after the verdict
        database.execute("DELETE FROM requests")
    database.close()
    again = watch(loaded, settings)
    assert (again.retrain, again.key) == (True, first.key)
    assert len(ledger.requests("trips")) == 1
    assert len(ledger.entries("trips", kind="verdict")) == 1


def test_labels_not_yet_known_do_not_count(loaded: LoadedProblem, settings: Settings) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1, broken=True), late=timedelta(days=30))
    found = watch(loaded, settings)
    assert (found.labels, found.kinds["performance"], found.level) == (0, "unknown", "healthy")
    later = watch(loaded, settings, END + timedelta(days=31), start=AS_OF, end=END)
    assert (later.labels, later.kinds["performance"]) == (800, "alarm")


def test_the_order_in_which_answers_came_changes_nothing(
    loaded: LoadedProblem, settings: Settings, tmp_path: Path
) -> None:
    frame = trips(AS_OF, 7, 700, seed=1, shift=0.5)
    answer(settings, frame)
    other = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    answer(other, frame.sample(frac=1, random_state=1).reset_index(drop=True))
    one, two = watch(loaded, settings), watch(loaded, other)
    assert (one.level, one.kinds, one.reasons) == (two.level, two.kinds, two.reasons)
    assert one.numbers == pytest.approx(two.numbers)


def test_an_empty_window_and_few_rows_are_not_judged(loaded: LoadedProblem, settings: Settings) -> None:
    empty = watch(loaded, settings)
    assert (empty.level, empty.rows) == ("unknown", 0)
    answer(settings, trips(AS_OF, 7, 20, seed=1))
    few = watch(loaded, settings)
    assert {few.kinds[kind] for kind in ("data", "prediction", "quality", "performance")} == {"unknown"}


def test_answers_about_the_past_are_found_without_a_window(loaded: LoadedProblem, settings: Settings) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1))
    found = watch(loaded, settings, datetime(2026, 1, 1, tzinfo=UTC))
    assert found.rows >= 790
    assert found.level == "healthy"


def test_a_column_that_vanishes_is_an_alarm_and_no_retraining(loaded: LoadedProblem, settings: Settings) -> None:
    frame = trips(AS_OF, 7, 800, seed=1)
    answer(settings, frame.drop(columns="size [m²]"), share=0)
    found = watch(loaded, settings)
    assert found.kinds["quality"] == "alarm"
    assert "size [m²] is missing in every row" in found.reasons[0]
    assert not found.retrain


def test_labels_that_come_late_make_another_verdict(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    frame = trips(AS_OF, 7, 800, seed=1, broken=True)
    answer(settings, frame, share=0)
    first = watch(loaded, settings)
    assert (first.labels, first.kinds["performance"]) == (0, "unknown")
    assert watch(loaded, settings).key == first.key
    label(settings, frame, range(800))
    second = watch(loaded, settings)
    assert (second.labels, second.kinds["performance"], second.retrain) == (793, "alarm", True)
    assert second.key != first.key
    assert watch(loaded, settings) == second
    entries = ledger.entries("trips", kind="verdict")
    assert [one.key for one in entries] == [second.key, first.key]
    assert len(ledger.requests("trips")) == 1


def test_the_release_is_judged_by_all_of_its_windows(loaded: LoadedProblem, settings: Settings) -> None:
    daily = replace(loaded, problem=with_window(loaded.problem, days=1))
    answer(settings, trips(AS_OF, 7, 280, seed=1, broken=True))
    alone = watch(daily, settings, AS_OF + timedelta(days=1))
    with_past = watch(daily, settings, END)
    assert (alone.kinds["performance"], with_past.kinds["performance"]) == ("unknown", "alarm")
    assert with_past.rows < 60


def test_what_a_retraining_goes_by_is_on_record(loaded: LoadedProblem, settings: Settings, ledger: Ledger) -> None:
    answer(settings, trips(AS_OF, 7, 800, seed=1, broken=True))
    watch(loaded, settings)
    (entry,) = ledger.entries("trips", kind="verdict")
    facts = entry.evidence["retraining"]["facts"]
    assert (facts["new_labels"], facts["known_labels"]) == (793, 2500)
    harms = [one["harm"] or 0.0 for one in entry.evidence["columns"]]
    assert harms == sorted(harms, reverse=True)


def test_nothing_can_be_watched_without_a_champion(loaded: LoadedProblem, settings: Settings) -> None:
    stranger = replace(loaded, problem=loaded.problem.model_copy(update={"name": "nobody"}))
    with pytest.raises(NotFound, match="no champion"):
        watch(stranger, settings)
