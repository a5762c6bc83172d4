from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import psutil
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


PARENT = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from pipelines.steps.compare_policies import _receive

context = multiprocessing.get_context("spawn")
with ProcessPoolExecutor(1, context, _receive, (None, None)) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""


def test_a_killed_backtest_takes_its_processes_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(timeout=20)
