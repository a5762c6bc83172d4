from __future__ import annotations

import pytest

from pipelines.flows.waking import wake_prefect


@pytest.mark.usefixtures("prefect_server")
def test_a_server_that_is_there_is_enough() -> None:
    wake_prefect()
