from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.flows.monitoring import monitoring
from pipelines.flows.scoring import scoring
from pipelines.flows.training import training

pytestmark = pytest.mark.usefixtures("prefect_server")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore")  # Evidently, imported here, warns of its own dependencies
def test_what_was_scored_is_judged(settings: Settings, small: Path, tmp_path: Path) -> None:
    training(str(small), as_of=NOW)
    scored = scoring("small", small.with_suffix(".csv"), tmp_path / "out.parquet", as_of=NOW)
    assert (scored.rows, scored.answered, scored.logged) == (300, 300, 300)

    later = NOW + timedelta(hours=1)
    result = monitoring(as_of=later)  # every problem trained here
    (watched,) = result["watched"]
    assert (watched.problem, watched.rows, watched.labels) == ("small", 300, 0)
    assert watched.level == "healthy"
    assert result["dispatched"] == []
