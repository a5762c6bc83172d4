from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.errors import NotEnoughData, NotFound
from pipelines.core.settings import Settings
from pipelines.steps.compare_releases import Compared, compare_releases
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from pipelines.stores.data.snapshots import snapshot_path
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.releases.champions import open_champion

NOW = datetime(2024, 9, 1, tzinfo=UTC)
ANSWERED = datetime(2024, 7, 1, tzinfo=UTC)
SLICES = "good_enough: {slices: [line]}\n"


def make(toy: Any, settings: Settings, **how: Any) -> Any:
    """One more release of the toy problem, promoted or not."""
    run = toy.make_run(settings, **how)
    evaluate(run.loaded, run.folder, None)
    try:
        champion = open_champion(settings, "trains")
    except NotFound:
        champion = None
    evaluate(run.loaded, run.folder, champion)
    release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    return run


@pytest.fixture(scope="module")
def home(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Releases 1 (blind for rain), 2 (sees it) and 3 (another window of history)."""
    settings = Settings(home=tmp_path_factory.mktemp("compared") / "home", rehearsal=False)
    make(toy, settings, hidden=("rain",), seed=1)
    make(toy, settings, extra=SLICES)
    run = make(toy, settings, window="2d", seed=2, extra=SLICES)
    write_parquet(toy.trains_table(600, 2), snapshot_path(run.ingested.snapshot, "trains", settings))
    return settings


def _logged(name: str, row: dict[str, Any], champion: Any) -> LoggedPrediction:
    row = {column: None if value != value else value for column, value in row.items()}
    return LoggedPrediction(
        id=name,
        problem="trains",
        version=champion.version,
        run_id="r",
        at=ANSWERED,
        time=ANSWERED,
        inputs={column: row[column] for column in ("rain", "noise", "line")},
        prediction=bool(row["__prediction"]),
        history={"rate": row["rate"]},
    )


def gains(found: Compared) -> dict[str, float | None]:
    assert found.measured is not None, found.reason
    return {one.metric: one.gain.difference for one in found.measured.metrics}


def test_a_version_beside_itself(home: Settings) -> None:
    found = compare_releases("trains", home, 2, 2, "held-out", NOW)
    assert set(gains(found).values()) == {0.0}
    assert (found.lineage.facts, found.lineage.contract, found.lineage.problem) == ([], [], [])


def test_what_was_learnt_to_see_is_a_gain_and_a_line_of_the_diff(home: Settings) -> None:
    with pytest.raises(NotFound):
        compare_releases("trains", home, 2, 9, "held-out", NOW)
    found = compare_releases("trains", home, 2, 3, "held-out", NOW)
    assert found.measured is not None
    assert found.on.endswith("held-out rows of version 3")
    assert {one.column for one in found.measured.slices} == {"line"}
    facts = {one.name for one in found.lineage.facts}
    assert "snapshot" in facts
    assert any("window: 2d" in line for line in found.lineage.problem if line.startswith("+"))
    turned = compare_releases("trains", home, 3, 2, "held-out", NOW)
    assert turned.on == found.on
    assert gains(turned) == {name: None if gain is None else -gain for name, gain in gains(found).items()}


def test_a_release_that_sees_less_can_be_measured(home: Settings) -> None:
    found = compare_releases("trains", home, 1, 2, "held-out", NOW)
    assert found.measured is not None
    assert {one.metric: one.credible for one in found.measured.metrics}["log_loss"] == "second"
    (seen,) = found.lineage.contract
    assert (seen.name, seen.before, seen.after) == ("columns.rain", "absent", "numeric feature")
    assert found.notes == []  # no row lies in the time that release 1 was trained on


def test_the_log_has_rows_that_neither_was_trained_on(home: Settings, toy: Any) -> None:
    with pytest.raises(NotEnoughData, match="no labelled row"):
        compare_releases("trains", home, 1, 2, "log", NOW)
    champion = open_champion(home, "trains")
    rows = read_parquet(champion.reference_path)
    log = PredictionLog(home.database)
    made = [new_id() for _ in range(len(rows))]
    log.append([_logged(one, row, champion) for one, row in zip(made, rows.to_dict(orient="records"), strict=True)])
    labels = [{"id": one, "label": bool(label)} for one, label in zip(made, rows["__label"], strict=True)]
    log.add_labels("trains", labels[:-5], ANSWERED, lambda label: label)
    log.close()
    found = compare_releases("trains", home, 1, 2, "log", NOW)
    assert found.measured is not None, found.reason
    assert found.measured.rows == len(rows) - 5
    assert "rows of the log" in found.on
    other = compare_releases("trains", home, 2, 3, "log", NOW)
    assert other.measured is None
    assert other.reason is not None
    assert "history features differ" in other.reason
