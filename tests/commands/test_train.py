from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]
WANTED = {"problem", "decision", "version", "run_id", "snapshot", "model_digest", "metrics", "seconds"}


def test_the_result_says_what_was_decided_and_on_what(trained: Any) -> None:
    summary = trained.summary
    assert set(summary) >= WANTED
    assert (summary["problem"], summary["decision"], summary["version"]) == ("late", "promote", 1)
    assert len(summary["snapshot"]) == len(summary["model_digest"]) == 64
    for one in summary["metrics"].values():
        assert set(one) >= {"value", "low", "high"}
    assert summary["metrics"]["roc_auc"]["low"] > 0.6


def test_nothing_is_written_outside_of_home(trained: Any) -> None:
    assert {path.name for path in trained.folder.iterdir()} <= {
        *(
            "late.csv",
            "late.yaml",
            "home",
            "data",
            "data.dvc",
            ".dvc",
            ".dvcignore",
            ".gitignore",
            "dvc.yaml",
            "dvc.lock",
        ),
        *("work", "rows.csv", "answers.csv", "labels.csv"),
    }
    assert (trained.home / "prefect").is_dir()


def test_the_worker_needs_a_server(at_home: At, trained: Any) -> None:
    code, out, _ = at_home("train", trained.problem, "--worker", "--json")
    assert code == 10
    assert "ratchet up" in out["error"]["message"]


@pytest.mark.slow
def test_training_the_same_again_gives_the_same(trained: Any) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "train", trained.problem, "--as-of", "2026-01-10"]
    done = subprocess.run(command, env=trained.environment, capture_output=True, text=True, timeout=240, check=True)
    assert "promote, version 1" in done.stdout
    assert "roc_auc" in done.stdout
    assert "release    1/1" in done.stderr
