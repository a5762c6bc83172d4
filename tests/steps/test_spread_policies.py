"""What a worker gets: nothing where it sees the home, else the source's files, the contract and the first training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.backtesting.policies import Policy
from pipelines.core.problem import Retraining
from pipelines.core.settings import Settings
from pipelines.steps import spread_policies as module
from pipelines.steps.policy_rehearsal import Progress, Rehearsal
from pipelines.steps.spread_policies import spread_policies
from pipelines.stores.data.tables import find_files
from pipelines.stores.problems.problem_files import LoadedProblem

START = datetime(2024, 1, 22, tzinfo=UTC)
POLICIES = [Policy(name, Retraining(on=[], growth=None)) for name in ("one", "two")]


@pytest.fixture
def rehearsal(rehearsal_table: Callable[..., LoadedProblem], settings: Settings) -> Rehearsal:
    run = settings.home / "runs" / f"{START:%Y%m%dT%H%M%S%f}"
    (run / "duels" / "first").mkdir(parents=True)
    (settings.home / "contracts").mkdir()
    for name in ("training.json", "features.parquet", "duels/first/scorecard.json"):
        (run / name).write_text(name)
    (run / "duels/first/features.parquet").symlink_to(run / "features.parquet")
    (settings.home / "contracts/trains.json").write_text("{}")
    traffic: Any = None
    return Rehearsal(rehearsal_table(), settings, traffic, [(START, START)])


def looked(rehearsal: Rehearsal, policy: Policy, progress: Progress) -> Any:
    """What a policy would find where it lives."""
    source, home = rehearsal.loaded.problem.data.source, rehearsal.room.home
    (file,) = find_files(
        [str(source.files)] if isinstance(source.files, str) else source.files, rehearsal.loaded.folder
    )  # type: ignore[arg-type]
    found = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    return policy.name, str(home), file.read_text(), found


def test_who_sees_the_home_lives_there(
    rehearsal: Rehearsal, dask_clusters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "machine_folder", lambda: Path("/nowhere"))
    found: Any = spread_policies(dask_clusters.OnePickle(), rehearsal, POLICIES, looked, print)
    assert [one[:2] for one in found] == [("one", str(rehearsal.room.home)), ("two", str(rehearsal.room.home))]
    assert not list(rehearsal.room.home.glob("seen-*"))


def test_who_does_not_gets_what_it_needs_once_and_leaves_nothing(
    rehearsal: Rehearsal, dask_clusters: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(module, "machine_folder", lambda: elsewhere)
    monkeypatch.setattr(
        Path, "touch", lambda path, *more, **others: path.write_text("") if "elsewhere" in str(path) else None
    )
    cluster = dask_clusters.OnePickle()
    cluster.folder = elsewhere
    found: Any = spread_policies(cluster, rehearsal, POLICIES, looked, print)
    run = f"runs/{START:%Y%m%dT%H%M%S%f}"
    for _, home, text, files in found:
        assert home.startswith(str(elsewhere))
        assert text == (rehearsal.loaded.folder / "trains.csv").read_text()
        assert files == ["contracts/trains.json", f"{run}/duels/first/scorecard.json", f"{run}/training.json"]
    assert list(elsewhere.iterdir()) == []
