"""What a learner is: an Optuna trial is a Trial."""

from __future__ import annotations

import optuna
import pytest

from pipelines.core.learner import Size, Trial
from pipelines.core.learners import CATALOGUE


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("rows", [10, 500_000])
def test_spaces_vary_parameters_that_the_defaults_name(name: str, task: str, rows: int) -> None:
    learner, size = CATALOGUE[name], Size(task, rows, 30, 5, 5)  # type: ignore[arg-type]
    trial: Trial = optuna.trial.FixedTrial({})
    names: list[str] = []

    class Recording:
        def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
            names.append(name)
            assert 0 < low < high
            return low

        def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
            names.append(name)
            assert 0 < low < high
            return low

    assert all(hasattr(trial, method) for method in ("suggest_float", "suggest_int"))
    drawn = learner.space(Recording(), size)
    assert sorted(drawn) == sorted(names)
    for start in learner.defaults(size):
        assert set(drawn) <= set(start)
        learner.build(size.task, {**start, **drawn}, 0, 1)
