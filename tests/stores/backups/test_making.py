from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stores.backups import making
from pipelines.stores.backups.backup_folder import check_files, read_manifest
from pipelines.stores.backups.making import make_backup, summary
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.prediction_log import open_log

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
NOW = datetime(2024, 6, 15, tzinfo=UTC)


def test_everything_that_is_to_be_kept_is_in(fill: Callable[[], Settings], tmp_path: Path) -> None:
    settings = fill()
    made = make_backup(settings, tmp_path / "backup", NOW)
    assert made == read_manifest(tmp_path / "backup")
    check_files(tmp_path / "backup", made)
    names = {name for name in made.files if not name.startswith("database/")}
    expected = {
        f"home/{name}" for name in ("contracts/p.json", "problems/p.json", "data/p/1.parquet", "ledger-head.json")
    }
    assert names == {*expected, "home/mlflow/mlflow.db", *(f"archive/{path}" for path in made.segments)}
    told = {name: made.tables[name] for name in ("decisions", "seals", "predictions", "labels", "log_segments")}
    assert told == {"decisions": 4, "seals": 4, "predictions": 10, "labels": 2, "log_segments": 1}
    assert len(made.segments) == 1
    assert made.left_out == []
    assert summary(made, tmp_path / "backup")["files"] == len(made.files)
    with pytest.raises(RatchetError, match="is not empty"):
        make_backup(settings, tmp_path / "backup", NOW)


def test_what_comes_meanwhile_does_no_harm(
    fill: Callable[[], Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, real = fill(), making._copy_home

    def busy(*given: Any) -> None:
        with closing(open_ledger(settings)) as ledger:
            ledger.record("d", at=NOW, problem="p", kind="release", outcome="promote")
        seal_log(settings, datetime(2024, 4, 1, tzinfo=UTC), NOW)
        real(*given)

    monkeypatch.setattr(making, "_copy_home", busy)
    made = make_backup(settings, tmp_path / "backup", NOW)
    assert (made.tables["decisions"], made.tables["predictions"], len(made.segments)) == (4, 10, 1)
    with closing(open_log(settings)) as log:
        assert log.counts("p") == {"predictions": 15, "labelled": 3}


def test_what_lies_elsewhere_is_named(fill: Callable[[], Settings], tmp_path: Path) -> None:
    data, history = tmp_path / "data-root", tmp_path / "history"
    for path in (data / "data" / "p" / "2.parquet", data / "data.dvc", data / "more", history / "p" / "a.arrow"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    elsewhere = {"mlflow_uri": "http://mlflow:5000", "prefect_url": "http://prefect:4200/api", "data": data}
    elsewhere |= {"history_root": history, "data_remote": "s3://data/dvc"}
    made = make_backup(fill().model_copy(update=elsewhere), tmp_path / "backup", NOW)
    assert {"data/data/p/2.parquet", "data/data.dvc", "history/p/a.arrow"} <= set(made.files)
    assert not any("more" in name for name in made.files)
    assert [one.split(" (")[0] for one in made.left_out] == ["MLflow's database", "Prefect", "the DVC remote"]


@pytest.mark.servers
def test_databases_of_servers_go_along(fill: Callable[[], Settings], foreign: str, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(foreign)
    elsewhere = {"mlflow_uri": "http://mlflow:5000", "prefect_url": "http://prefect:4200/api"}
    elsewhere |= {"mlflow_database_url": foreign, "prefect_database_url": str(tmp_path / "url")}
    made = make_backup(fill().model_copy(update=elsewhere), tmp_path / "backup", NOW)
    assert made == read_manifest(tmp_path / "backup")
    check_files(tmp_path / "backup", made)
    assert made.servers == {
        name: {"Flow run": 2, "empty": 0, "states": 2, "strict": 1} for name in ("mlflow", "prefect")
    }
    assert "mlflow/structure.json" in made.files
    assert summary(made, tmp_path / "backup")["servers"] == {"mlflow": 5, "prefect": 5}
    assert [one.split(" (")[0] for one in made.left_out] == ["MLflow's artifacts"]
