from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from pipelines.core.settings import Settings
from pipelines.flows.sealing import sealing
from pipelines.stores.logbook.prediction_log import LoggedPrediction, new_id, open_log

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_old_months_are_sealed(settings: Settings) -> None:
    moments = [datetime(2024, month, 2, tzinfo=UTC) for month in range(1, 7)]
    with closing(open_log(settings)) as log:
        log.append([LoggedPrediction(new_id(), "p", 1, "r", at, at, {"x": 1}, 1.5) for at in moments])
        assert sealing(as_of=datetime(2024, 6, 15, tzinfo=UTC)).rows == 2  # 90 days before: January and February
        assert sealing(days=10, as_of=datetime(2024, 6, 15, tzinfo=UTC)).rows == 3
        assert log.counts("p")["predictions"] == 6
