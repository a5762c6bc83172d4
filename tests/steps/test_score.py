from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import NotFound, SourceError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.score import score_table
from pipelines.steps.train import train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.releases.champions import open_champion

AS_OF = datetime(2013, 3, 1, tzinfo=UTC)
PROBLEM = """
name: trips
task: binary
data:
  source: trips.csv
  target: late
  time: asked at
  key: [no]
  label_delay: 1d
features:
  history:
    - {name: late lately, by: line, of: late, window: 14d}
  overrides:
    "size [m²]": {minimum: 0}
learners: [linear]
search: {trials: 1}
good_enough: {minimum: 0.9}
"""


def trips(n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    line, size = rng.choice(["a", "b", "ü"], n), rng.gamma(2.0, 2.0, n).round(2)
    late = rng.random(n) < 1 / (1 + np.exp(3 - size / 1.5 - (line == "a")))
    when = pd.Timestamp("2013-01-01") + pd.to_timedelta(np.sort(rng.random(n)) * 58, unit="D")
    return pd.DataFrame(
        {"no": np.arange(n), "asked at": when.astype("datetime64[s]"), "line": line, "size [m²]": size, "late": late}
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion of the problem `trips`."""
    folder = tmp_path_factory.mktemp("trips")
    trips().to_csv(folder / "trips.csv", index=False)
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
    return folder / "home"


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:  # type: ignore[override]
    """The trained home, with a prediction log of the test's own."""
    return Settings(home=home, database_url=f"sqlite:///{tmp_path / 'log.db'}")


def table(folder: Path, **columns: Any) -> Path:
    frame = trips(40, seed=9).drop(columns="late").assign(**columns)
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    return path


def logged(settings: Settings) -> pd.DataFrame:
    log = PredictionLog(settings.database)
    try:
        return log.window("trips", datetime(2012, 1, 1), datetime(2030, 1, 1))
    finally:
        log.close()


def test_every_row_is_answered_in_order_and_logged(settings: Settings, tmp_path: Path) -> None:
    done = score_table("trips", settings, table(tmp_path), tmp_path / "out.csv", AS_OF)
    assert (done.rows, done.answered, done.refused, done.logged) == (40, 40, 0, 40)
    out = pd.read_csv(tmp_path / "out.csv", float_precision="round_trip")
    assert out.columns.tolist() == [*("no", "id", "prediction", "probability_false", "probability_true", "error")]
    assert out["no"].tolist() == list(range(40))
    assert out["id"].is_monotonic_increasing
    assert out["prediction"].dtype == bool
    log = logged(settings).set_index("id").loc[out["id"]]
    assert [one["true"] for one in log["probabilities"]] == out["probability_true"].tolist()
    assert set(log["source"]) == {"batch"}
    assert all(list(one) == ["late lately"] for one in log["history"])
    assert log["inputs"].iloc[0]["line"] in ("a", "b", "ü")


def test_chunks_and_the_columns_order_change_nothing(settings: Settings, tmp_path: Path) -> None:
    path = table(tmp_path)
    score_table("trips", settings, path, tmp_path / "whole.csv", AS_OF, log=False)
    shuffled = pd.read_csv(path)[["size [m²]", "line", "no", "asked at"]]
    shuffled.to_parquet(tmp_path / "shuffled.parquet", index=False)
    parts = tmp_path / "parts.csv"
    score_table("trips", settings, tmp_path / "shuffled.parquet", parts, AS_OF, log=False, chunk_rows=7)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "whole.csv"), pd.read_csv(parts))
    assert pd.read_csv(tmp_path / "whole.csv")["id"].isna().all()


def test_rows_that_break_the_contract_are_told_and_kept(settings: Settings, tmp_path: Path) -> None:
    sizes = [str(one) for one in np.linspace(1, 5, 40)]
    sizes[3], sizes[5] = "huge", "-1"
    lines = ["a"] * 38 + ["never seen", None]
    path = table(tmp_path, **{"size [m²]": sizes, "line": lines})
    done = score_table("trips", settings, path, tmp_path / "out.parquet", AS_OF)
    assert (done.rows, done.answered, done.refused, done.logged) == (40, 38, 2, 38)
    out = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert out.index[out["error"].notna()].tolist() == [3, 5]
    assert "size [m²]" in out["error"][3]
    assert out["prediction"].isna().tolist() == out["error"].notna().tolist()
    assert out["id"].isna().tolist() == out["error"].notna().tolist()


def test_run_again_nothing_is_logged_twice(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill after some chunks were logged: the next try logs the rest, under the same ids."""
    path = table(tmp_path)

    def die(done: int, _text: str) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_table("trips", settings, path, tmp_path / "out.csv", AS_OF, progress=die, chunk_rows=10)
    assert not (tmp_path / "out.csv").exists()
    assert len(logged(settings)) == 20
    score_table("trips", settings, path, tmp_path / "out.csv", AS_OF, chunk_rows=10)
    assert sorted(logged(settings)["id"]) == pd.read_csv(tmp_path / "out.csv")["id"].tolist()
    later = datetime(2013, 3, 2, tzinfo=UTC)
    score_table("trips", settings, path, tmp_path / "out.csv", later)
    assert len(logged(settings)) == 80


def test_duplicates_missing_columns_and_odd_names_do_no_harm(settings: Settings, tmp_path: Path) -> None:
    frame = pd.concat([trips(5, seed=1), trips(5, seed=1)])[["line", "size [m²]"]]
    frame[""] = 1
    frame['od,d "name"\n'] = "x"
    frame.to_csv(tmp_path / "odd.csv", index=False)
    done = score_table("trips", settings, tmp_path / "odd.csv", tmp_path / "out.csv", AS_OF)
    out = pd.read_csv(tmp_path / "out.csv")
    assert (done.answered, out["row"].tolist()) == (10, list(range(10)))
    assert out["probability_true"][:5].tolist() == out["probability_true"][5:].tolist()
    assert out["id"].is_unique


def test_batch_answers_equal_the_pipelines(settings: Settings, tmp_path: Path) -> None:
    """The release's own reference, as a table without its history: looked up again, it gives the same scores."""
    bundle = open_champion(settings, "trips")
    reference = pd.read_parquet(bundle.reference_path)
    reference[["line", "size [m²]", "asked at"]].to_parquet(tmp_path / "r.parquet", index=False)
    score_table("trips", settings, tmp_path / "r.parquet", tmp_path / "o.parquet", AS_OF, log=False)
    out = pd.read_parquet(tmp_path / "o.parquet")
    np.testing.assert_allclose(out["probability_true"], reference["__probability_true"], rtol=0, atol=1e-12)


def test_an_empty_table_gives_an_empty_output(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("no,line,size [m²]\n")
    done = score_table("trips", settings, tmp_path / "none.csv", tmp_path / "out.csv", AS_OF)
    assert done.rows == 0
    assert (tmp_path / "out.csv").read_text().startswith('"no","id","prediction"')


def test_what_cannot_be_read_or_written_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent\.csv"):
        score_table("trips", settings, tmp_path / "absent.csv", tmp_path / "out.csv", AS_OF)
    with pytest.raises(SourceError, match="end its name in"):
        score_table("trips", settings, table(tmp_path), tmp_path / "out.xlsx", AS_OF)
    with pytest.raises(NotFound, match="ratchet train nobody"):
        score_table("nobody", settings, table(tmp_path), tmp_path / "out.csv", AS_OF)
