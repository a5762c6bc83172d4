"""The promise of one implementation: the API's answers equal the batch scores, row for row, history included."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn

from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.score import score_table
from pipelines.steps.train import train
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.problems.problem_files import load_problem
from services.prediction.app import create_app

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
PROBLEM = """
name: rides
data: {source: rides.csv, target: fare, time: ordered at, label_delay: 1h}
features:
  categorical: [zone, driver]
  history:
    - {name: fare lately, by: zone, of: fare, window: 2d}
    - {name: rides today, by: [zone, driver], how: count, window: 1d}
learners: [histogram_gradient_boosting]
search: {trials: 1}
"""


def rides(rows: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    zone, driver = rng.choice(["a", "b", "ç"], rows), rng.integers(1, 40, rows)
    km = rng.gamma(2, 3, rows).round(3)
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.random(rows)) * 59 * 86400, unit="s").round("s")
    fare = 3 + 2 * km + (zone == "a") * 4 + rng.normal(size=rows)
    return pd.DataFrame({"ordered at": when, "zone": zone, "driver": driver, "km [road]": km, "fare": fare.round(2)})


@pytest.fixture
def address(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """A service with a champion that went through every step."""
    rides().to_csv(tmp_path / "rides.csv", index=False)
    (tmp_path / "rides.yaml").write_text(PROBLEM)
    loaded = load_problem(str(tmp_path / "rides.yaml"))
    ingested = ingest(loaded, settings, AS_OF)
    folder = settings.work("rides") / run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    folder.mkdir(parents=True)
    prepare(loaded, ingested, folder)
    featurize(loaded, folder)
    train(loaded, folder)
    evaluate(loaded, folder, None)
    release(loaded, settings, folder, ingested, AS_OF)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_the_api_equals_the_batch_row_for_row(address: str, settings: Settings, tmp_path: Path) -> None:
    asked = rides().drop(columns="fare").tail(120).reset_index(drop=True)
    asked["driver"] = asked["driver"].astype(object)
    asked.loc[0:9, "zone"] = None
    asked.loc[5:14, "km [road]"] = np.nan
    asked.loc[10:19, "zone"] = "never seen"
    asked.loc[15:24, "driver"] = None
    asked.loc[25:34, "ordered at"] += pd.Timedelta(days=400)  # long after all that is known
    asked = asked[["km [road]", "driver", "ordered at", "zone"]]
    asked.to_csv(tmp_path / "asked.csv", index=False)
    score_table("rides", settings, tmp_path / "asked.csv", tmp_path / "scored.csv", AS_OF)
    batch = pd.read_csv(tmp_path / "scored.csv")

    rows = [
        {name: value.isoformat() if name == "ordered at" else value for name, value in row.items() if value == value}
        for row in asked.astype(object).where(asked.notna(), None).to_dict("records")
    ]
    answer = httpx.post(f"{address}/v1/models/rides/predict", json={"instances": rows}, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    served = [one["prediction"] for one in answer.json()["predictions"]]
    assert batch["error"].isna().all()
    np.testing.assert_allclose(served, batch["prediction"], rtol=0, atol=1e-9)
    assert len(set(served)) > 60
    alone = [
        httpx.post(f"{address}/v1/models/rides/predict", json={"instances": [row]}, trust_env=False).json()
        for row in rows[:30]
    ]
    np.testing.assert_allclose([one["predictions"][0]["prediction"] for one in alone], served[:30], rtol=0, atol=1e-9)
