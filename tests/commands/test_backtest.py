from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.commands.backtest import parse_window

At = Callable[..., tuple[int, Any, str]]


@pytest.mark.slow
def test_policies_side_by_side(at_home: At, trained: Any, tmp_path: Path) -> None:
    (tmp_path / "daily.yaml").write_text("on: []\nevery: 1d\ncooldown: 12h\nmin_new_labels: 0\n")
    page = tmp_path / "page.html"
    code, out, err = at_home(
        *("backtest", trained.problem, "--policy", tmp_path / "daily.yaml", "--from", "2026-01-07"),
        *("--window", "12h", "--jobs", "1", "--out", page, "--json"),
    )
    assert code == 0, err
    assert list(out)[:2] == ["problem", "policies"]
    assert out["problem"] == "late"
    assert [one["name"] for one in out["policies"]][-1] == "daily"
    for one in out["policies"]:
        assert {"name", "loss", "retrainings", "rejected", "compute_s", "windows"} <= set(one)
        for window in one["windows"]:
            assert {"start", "end", "rows", "verdict", "kinds", "loss", "version"} <= set(window)
    assert out["policies"][-1]["retrainings"] == 1
    assert page.read_text().startswith("<!doctype html>")
    assert out["page"] == str(page)


def test_without_a_time_column_it_says_so(ratchet: At, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,2\n2,3\n")
    (tmp_path / "t.yaml").write_text("name: t\ndata: {source: t.csv, target: y}\n")
    code, out, _ = ratchet("backtest", tmp_path / "t.yaml", "--json")
    assert code == 3
    assert "has no data.time" in out["error"]["message"]


def test_a_window_is_a_duration() -> None:
    assert parse_window("36h") == timedelta(hours=36)
    for wrong in ("soon", "0d"):
        with pytest.raises(typer.BadParameter):
            parse_window(wrong)
