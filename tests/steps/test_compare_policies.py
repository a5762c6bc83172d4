from __future__ import annotations

import os
from typing import Any

import pytest

from pipelines.core.backtesting.policies import Policy
from pipelines.core.problem import Retraining
from pipelines.steps.compare_policies import idle, one_thread_each


def test_a_policy_that_never_trains_is_begun_last() -> None:
    nothing: dict[str, Any] = {"on": [], "growth": None}
    assert idle(Policy("never", Retraining(**nothing)))
    assert not idle(Policy("growth", Retraining(on=[], growth=0.5)))
    assert not idle(Policy("calendar", Retraining(**nothing, every="4w")))
    assert not idle(Policy("drift", Retraining(on=["data"], growth=None)))


def test_processes_get_one_thread_and_this_one_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
