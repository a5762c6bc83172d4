from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ContractError
from pipelines.core.settings import Settings
from pipelines.steps.dry_run import dry_run
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.train import train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champions import find_champion
from pipelines.stores.storage.files import digest_file

AS_OF, LATER = datetime(2024, 1, 20, tzinfo=UTC), datetime(2024, 2, 5, tzinfo=UTC)
Table = Callable[..., LoadedProblem]


def turn(loaded: LoadedProblem, settings: Settings, as_of: datetime) -> Any:
    """A real training, step by step."""
    ingested = ingest(loaded, settings, as_of)
    key = run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    folder = settings.work(loaded.problem.name) / key
    folder.mkdir(parents=True)
    prepare(loaded, ingested, folder)
    featurize(loaded, folder)
    train(loaded, folder)
    evaluate(loaded, folder, find_champion(settings, loaded.problem.name))
    return release(loaded, settings, folder, ingested, as_of)


def state(settings: Settings) -> dict[str, str]:
    """Every file of home that says what is in force; the copy of a champion that was fetched is none."""
    kept = ("mlflow", "contracts", "history", "work", "quarantine", "datasheets", "data")
    files = [path for name in kept for path in (settings.home / name).rglob("*") if path.is_file()]
    return {str(path): digest_file(path) for path in files if not path.name.endswith(("-wal", "-shm"))}


@pytest.mark.slow
def test_it_says_what_a_training_would_and_leaves_everything_as_it_was(
    rehearsal_table: Table, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = rehearsal_table()
    first = dry_run(loaded, settings, AS_OF)
    assert (first.decision, first.champion, first.passed, first.same) == ("promote", None, True, False)
    assert Registry(settings).problems() == []
    released = turn(loaded, settings, AS_OF)
    assert (released.model_digest, released.snapshot) == (first.model_digest, first.snapshot)
    before = state(settings)
    again = dry_run(loaded, settings, AS_OF)
    assert (again.same, again.passed, again.decision, again.champion) == (True, True, "keep", 1)
    told: list[str] = []
    later = dry_run(loaded, settings, LATER, because="PR 3", tell=lambda step, *_: told.append(step))
    assert (later.champion, later.same, set(told)) == (1, False, {"ingest", "prepare", "train", "gate"})
    assert set(later.champion_metrics) == set(later.metrics)
    assert later.comparison is not None
    assert later.rows > first.rows
    ledger = Ledger(settings.database)
    assert [entry.version for entry in ledger.entries("trains", "release")] == [1]
    ledger.close()
    assert Registry(settings).champion("trains").version == 1  # type: ignore[union-attr]
    assert state(settings) == before


def test_the_contract_in_force_holds_and_is_not_replaced(
    rehearsal_table: Table, settings: Settings, tmp_path: Path
) -> None:
    ingest(rehearsal_table(), settings, AS_OF)
    kept = settings.contract("trains").read_bytes()
    broken = rehearsal_table(lambda frame: frame.assign(rain="wet"))
    with pytest.raises(ContractError, match="'rain' is no longer numeric"):
        dry_run(broken, settings, AS_OF)
    assert settings.contract("trains").read_bytes() == kept
