"""Releases made by the real steps, then made again in a place and a process of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.reproduce import Reproduced, reproduce
from pipelines.steps.train import train
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.releases.champions import open_champion

AS_OF = datetime(2024, 1, 20, tzinfo=UTC)
LATER = datetime(2024, 3, 1, tzinfo=UTC)
TEXT = (
    "name: trains\n"
    "data: {source: trains.csv, target: late, time: at, label_delay: 1h}\n"
    "features:\n  history:\n    - {name: rate, by: [line], of: late, window: 3d}\n"
    "learners: [{name: linear, params: {C: 1.0}}]\nsearch: {trials: 1}\n"
)
Doctor = Callable[..., None]


@pytest.fixture(scope="module")
def first(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with one release, made as of 20 January."""
    folder = tmp_path_factory.mktemp("first")
    settings = Settings(home=folder / "home", rehearsal=False)
    toy.trains_table(400).to_csv(folder / "trains.csv", index=False)
    (folder / "trains.yaml").write_text(TEXT)
    loaded = load_problem(str(folder / "trains.yaml"))
    ingested, run = ingest(loaded, settings, AS_OF), settings.work("trains") / "run"
    run.mkdir(parents=True)
    prepare(loaded, ingested, run)
    featurize(loaded, run)
    train(loaded, run)
    evaluate(loaded, run, None)
    release(loaded, settings, run, ingested, AS_OF)
    shutil.rmtree(run)  # nothing of the first run helps the second one
    (folder / "trains.csv").unlink()
    (folder / "trains.yaml").unlink()
    return settings


@pytest.fixture
def doctor(first: Settings) -> Iterator[Doctor]:
    """Writes a release 2 that is release 1 but for what is changed in its evidence; gone from the ledger afterwards."""
    path = first.home / "ratchet.db"
    kept = path.read_bytes()

    def change(**changes: Any) -> None:
        ledger = Ledger(first.database)
        (entry,) = ledger.entries("trains", "release", limit=1)
        evidence = {**entry.evidence, **changes}
        ledger.record(
            "doctored", at=AS_OF, problem="trains", kind="release", outcome="keep", version=2, evidence=evidence
        )
        ledger.close()

    yield change
    for one in path.parent.glob("ratchet.db*"):
        one.unlink()
    path.write_bytes(kept)


def again(settings: Settings, version: int = 1, **more: Any) -> Reproduced:
    return reproduce("trains", settings, version, LATER, "an auditor", **more)


def parts(found: Reproduced) -> list[str]:
    return [one.part for one in found.findings]


def test_a_release_from_weeks_ago_is_made_again_bit_for_bit(first: Settings, tmp_path: Path) -> None:
    told: list[str] = []
    found = again(first, keep=tmp_path / "kept", tell=told.append)
    assert (found.outcome, found.findings) == ("same", [])
    assert found.made_digest == found.recorded_digest == open_champion(first, "trains").release["model_digest"]
    assert found.answers is not None
    assert (found.answers.largest, found.answers.missing, found.same_predictions) == (0.0, 0, True)
    assert found.answers.rows > 20
    assert found.exact_code
    assert (tmp_path / "kept" / "model.skops").is_file()
    assert told[0].startswith(f"snapshot {found.snapshot[:16]}")
    ledger = Ledger(first.database)
    entry = ledger.find(found.key)
    ledger.close()
    assert entry is not None
    assert (entry.kind, entry.outcome, entry.version, entry.actor) == ("reproduction", "same", 1, "an auditor")
    assert entry.evidence["made_digest"] == found.made_digest
    with pytest.raises(ProblemError, match="is there already"):
        again(first, keep=tmp_path / "kept")


def test_the_registry_is_not_needed_and_a_lost_snapshot_comes_back_from_dvc(first: Settings, tmp_path: Path) -> None:
    bare = Settings(home=tmp_path / "bare", data=first.home, rehearsal=False)
    bare.home.mkdir()
    shutil.copy(first.home / "ratchet.db", bare.home / "ratchet.db")
    (path,) = (first.home / "data" / "trains").glob("*.parquet")
    path.unlink()
    found = again(bare)
    assert path.is_file()
    assert (found.outcome, found.same_predictions, found.answers) == ("same", True, None)
    assert any("digests alone were compared" in note for note in found.notes)


def test_changed_data_are_named(first: Settings) -> None:
    (path,) = (first.home / "data" / "trains").glob("*.parquet")
    kept = path.read_bytes()
    frame = read_parquet(path)
    write_parquet(frame.assign(rain=frame["rain"] * 1.01), path)
    try:
        found = again(first)
    finally:
        path.unlink()
        path.write_bytes(kept)
    assert found.outcome == "differs"
    assert parts(found)[:3] == ["snapshot", "prepared", "features"]
    assert {"model", "predictions"} <= set(parts(found))
    assert found.answers is not None
    assert found.answers.largest > 0


def test_a_changed_parameter_is_named(first: Settings, doctor: Doctor) -> None:
    doctor(problem_text=TEXT.replace("C: 1.0", "C: 0.5"))
    found = again(first, 2)
    assert found.outcome == "differs"
    assert parts(found)[:3] == ["problem", "parameters", "model"]
    assert "params.C: 1.0 -> 0.5" in next(one for one in found.findings if one.part == "parameters").details


def test_other_code_and_libraries_are_named(first: Settings, doctor: Doctor) -> None:
    code = {"commit": None, "clean": None, "digest": "0" * 64, "libraries": {"numpy": "1.0"}, "version": "0"}
    doctor(code=code)
    found = again(first, 2)
    assert (found.outcome, found.exact_code) == ("same", False)  # other code, and the same model all the same
    assert parts(found) == ["code", "libraries"]
    assert "numpy: 1.0 -> " in found.findings[1].told
    assert "code, libraries" in found.told


def test_a_run_that_fails_is_told_and_recorded(first: Settings, doctor: Doctor) -> None:
    doctor(problem_text="name: trains\n")
    found = again(first, 2)
    assert (found.outcome, found.made_digest) == ("failed", None)
    assert parts(found)[-1] == "run"
    assert "ProblemError" in found.findings[-1].told


def test_what_is_gone_is_named(first: Settings, doctor: Doctor) -> None:
    with pytest.raises(NotFound, match="no release 9"):
        again(first, 9)
    doctor(snapshot="f" * 64)
    with pytest.raises(NotFound, match="snapshot ffffffffffffffff"):
        again(first, 2)
