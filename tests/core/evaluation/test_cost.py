from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.core.evaluation.cost import reckon_cost
from pipelines.core.evaluation.subject import Subject


def subject(rows: int) -> Subject:
    frame = pd.DataFrame({"a": np.arange(float(rows))})
    y = np.zeros(rows)
    return Subject("regression", "rmse", lambda asked: asked["a"].to_numpy(), frame, {"a": "numeric"}, y, y)


def test_energy_is_cpu_seconds_at_twelve_watts() -> None:
    found = reckon_cost(subject(3), 100.0, 300.0, 17)
    assert found.energy_wh == pytest.approx(1.0)
    assert "12 W per core" in found.energy_method
    assert (found.train_seconds, found.model_bytes) == (100.0, 17)
    assert found.row_ms is not None
    assert found.row_ms > 0


def test_what_nobody_measured_is_not_made_up() -> None:
    found = reckon_cost(subject(0), None, None, 17)
    assert found.energy_wh is None
    assert "not measured" in found.energy_method
    assert found.row_ms is None
