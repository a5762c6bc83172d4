from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.flows.scoring import scoring


@pytest.mark.usefixtures("prefect_server")
def test_without_a_champion_nothing_is_scored(settings: Settings, small: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no champion yet"):
        scoring("small", small.with_suffix(".csv"), tmp_path / "out.csv", as_of=datetime.now(UTC))
    assert not (tmp_path / "out.csv").exists()
