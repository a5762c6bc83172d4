from __future__ import annotations

import getpass
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.stores.decisions.ledger import Ledger

train = importlib.import_module("pipelines.commands.train")
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


def test_it_was_rehearsed_over_http_and_the_ledger_knows_who_asked(trained: Any) -> None:
    found = trained.summary["rehearsal"]
    assert (found["rows"] > 100, found["wrong"], found["skipped"]) == (True, 0, None)
    assert (trained.summary["path"], trained.summary["change"]) == ("first", None)
    ledger = Ledger(f"sqlite:///{trained.home / 'ratchet.db'}")
    (entry,) = ledger.entries("late", "release")
    ledger.close()
    assert (entry.actor, entry.digest) == (getpass.getuser(), trained.summary["ledger"])


def test_what_is_shown_says_what_was_rehearsed_and_who_must_agree(capsys: pytest.CaptureFixture[str]) -> None:
    rehearsal = {"rows": 9, "wrong": 1, "skipped": None, "latency_ms": 1.25, "latency_p99_ms": 3.0}
    summary = {"problem": "late", "decision": "awaiting_approval", "version": 4, "seconds": 7.0, "metrics": {}}
    train._show({**summary, "rehearsal": rehearsal})
    told = "".join(capsys.readouterr())
    assert "8 of 9 answers over HTTP equal the batch; one row takes 1.2 ms (p99 3 ms)" in " ".join(told.split())
    assert "ratchet approve late 4" in told
    train._show({**summary, "rehearsal": {**rehearsal, "skipped": "switched off"}})
    assert "no rehearsal: switched off" in "".join(capsys.readouterr())


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


def test_a_dry_run_says_what_the_gate_would_and_releases_nothing(at_home: At, trained: Any, tmp_path: Path) -> None:
    report = tmp_path / "model.md"
    asked = ("train", trained.problem, "--as-of", "2026-01-10", "--dry-run", "--fail-on-keep", "--report", report)
    code, out, told = at_home(*asked, "--json")
    assert (code, out["decision"], out["same"], out["champion"]) == (0, "keep", True, 1)  # bit for bit: nothing wrong
    assert out["model_digest"] == trained.summary["model_digest"]
    assert "reading the source" in told
    assert "the candidate is the champion, bit for bit" in report.read_text()
    worse = tmp_path / "worse.yaml"
    text = (trained.folder / "late.yaml").read_text().replace("late.csv", str(trained.folder / "late.csv"))
    worse.write_text(text.replace("features:", "features:\n  ignored: [load]"))
    code, out, _ = at_home("train", worse, "--as-of", "2026-01-10", "--dry-run", "--fail-on-keep", "--json")
    assert (code, out["decision"], out["passed"]) == (1, "keep", False)
    code, listed, _ = at_home("releases", "late", "--json")
    assert [one["version"] for one in listed["releases"]] == [1]
    assert len([one for one in listed["decisions"] if one["kind"] == "release"]) == 1


@pytest.mark.parametrize("options", [("--dry-run", "--worker"), ("--report", "report.md")])
def test_options_that_make_no_sense_together_are_refused(options: tuple[str, str], at_home: At, trained: Any) -> None:
    assert at_home("train", trained.problem, *options, "--json")[0] == 2
