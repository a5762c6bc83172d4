from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.materialising import materialising
from pipelines.flows.training import training
from pipelines.stores.data.history_store import load_current

pytestmark = pytest.mark.usefixtures("prefect_server")
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_history_is_renewed(settings: Settings, tmp_path: Path) -> None:
    lines = ["at,shop,y"] + [
        f"{(START + timedelta(hours=hour)).isoformat()},{'ab'[hour % 2]},{(hour * 7) % 13}" for hour in range(200)
    ]
    (tmp_path / "sales.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "sales.yaml").write_text(
        "name: sales\ntask: regression\nlearners: [linear]\nsearch: {trials: 1}\n"
        "data: {source: sales.csv, target: y, time: at, label_delay: 1h}\n"
        "features:\n  history:\n    - {name: mean_1d, by: shop, of: y, window: 1d}\n"
    )
    training(str(tmp_path / "sales.yaml"), as_of=START + timedelta(hours=150))
    moment = START + timedelta(hours=180)
    materialising(str(tmp_path / "sales.yaml"), as_of=moment)
    assert _as_of(settings) == moment

    # The schedule renews every problem; one whose file is gone does not keep the others from it.
    (settings.home / "problems" / "a-lost-one.json").write_text('{"name": "lost", "path": "/nowhere/lost.yaml"}')
    with pytest.raises(ProblemError, match="lost"):
        materialising(as_of=moment + timedelta(hours=1))
    assert _as_of(settings) == moment + timedelta(hours=1)


def _as_of(settings: Settings) -> datetime:
    found = load_current(settings.history("sales"))
    assert found is not None
    return found[1]
