from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

At = Callable[..., tuple[int, Any, str]]
DVC_YAML = Path(__file__).parents[2] / "dvc.yaml"


def write_stages(trained: Any) -> None:
    """The shipped dvc.yaml for the trained problem: same stages, other variables, no dependency on our code."""
    yaml = YAML()
    stages = yaml.load(DVC_YAML)
    snapshot = f"data/late/{trained.summary['snapshot'][:16]}.parquet"
    stages["vars"] = [{"problem": "late.yaml", "as_of": "2026-01-10", "snapshot": snapshot, "folder": "work/late"}]
    for stage in stages["stages"].values():
        stage["deps"] = [one for one in stage["deps"] if not one.startswith("pipelines/")]
    yaml.dump(stages, trained.folder / "dvc.yaml")


def repro(trained: Any) -> str:
    command = [sys.executable, "-m", "dvc", "repro"]
    environment = trained.environment | {"DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        command, cwd=trained.folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_dvc_and_prefect_give_the_same_model(trained: Any) -> None:
    write_stages(trained)
    repro(trained)
    made = json.loads((trained.folder / "work" / "late" / "trained.json").read_text())
    assert made["digest"] == trained.summary["model_digest"]
    card = json.loads((trained.folder / "work" / "late" / "scorecard.json").read_text())
    for name, metric in trained.summary["metrics"].items():
        assert card["metrics"][name]["value"] == metric["value"]
    assert "up to date" in repro(trained)


def test_a_missing_snapshot_is_explained(at_home: At, trained: Any, tmp_path: Path) -> None:
    arguments = ["--snapshot", tmp_path / "none.parquet", "--folder", tmp_path, "--as-of", "2026-01-10"]
    code, out, _ = at_home("step", "prepare", trained.problem, *arguments, "--json")
    assert code == 8
    assert "ratchet ingest late --as-of 2026-01-10" in out["error"]["message"]


def test_the_shipped_stages_name_what_is_there() -> None:
    stages = YAML(typ="safe").load(DVC_YAML)
    root = DVC_YAML.parent
    for stage in stages["stages"].values():
        for one in stage["deps"]:
            if one.startswith("pipelines/"):
                assert (root / one).exists(), one
