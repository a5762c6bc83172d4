from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.backtesting import backtesting


@pytest.mark.usefixtures("prefect_server")
def test_what_the_step_refuses_ends_the_run(settings: Settings, small: Path) -> None:
    with pytest.raises(ProblemError, match=r"small has no data\.time"):
        backtesting(str(small))


@pytest.mark.usefixtures("prefect_server")
def test_a_policy_file_is_read_before_anything_is_trained(settings: Settings, small: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("evry: 4w\n")
    with pytest.raises(ProblemError, match="evry: there is no such key"):
        backtesting(str(small), [tmp_path / "odd.yaml"])
    assert not (settings.home / "rehearsals").exists()
