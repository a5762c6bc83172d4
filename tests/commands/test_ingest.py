from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.core.settings import Settings

At = Callable[..., tuple[int, Any, str]]


def test_the_same_source_gives_the_same_snapshot(at_home: At, trained: Any) -> None:
    code, out, _ = at_home("ingest", trained.problem, "--as-of", "2026-01-10", "--json")
    assert code == 0
    assert out["snapshot"] == trained.summary["snapshot"]
    assert Path(out["path"]).is_relative_to(trained.folder / "data" / "late")
    assert (trained.folder / "data.dvc").is_file()
    code, earlier, _ = at_home("ingest", trained.problem, "--as-of", "2026-01-03", "--json")
    assert code == 0
    assert earlier["rows"] < out["rows"]


def test_the_shipped_snapshot_is_the_recorded_one(ratchet: At, settings: Settings) -> None:
    root = Path(__file__).parents[2]
    code, out, err = ratchet("ingest", "flights", "--as-of", "2013-03-01", "--json")
    assert code == 0, err
    variables = YAML(typ="safe").load(root / "dvc.yaml")["vars"][0]
    assert variables["snapshot"] == f"data/flights/{Path(out['path']).name}"
    recorded, made = (YAML(typ="safe").load(folder / "data.dvc")["outs"] for folder in (root, settings.data_root))
    assert made == recorded
