from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

At = Callable[..., tuple[int, Any, str]]


def test_data_that_keeps_the_contract_passes(at_home: At, trained: Any, tmp_path: Path) -> None:
    report = tmp_path / "data.md"
    code, out, _ = at_home("check", trained.problem, "--as-of", "2026-01-10", "--report", report, "--json")
    assert (code, out["passed"], out["findings"]) == (0, True, [])
    assert (out["rows"], out["against"]) == (trained.summary["rows"], "the contract in force here")
    assert report.read_text().startswith("# Data: late\n\n**passed**")
    code, shown, _ = at_home("check", trained.problem, "--as-of", "2026-01-10")
    assert (code, "late: passed" in shown) == (0, True)


def test_a_table_that_breaks_it_ends_with_5_and_says_why(at_home: At, trained: Any, tmp_path: Path) -> None:
    lines = (trained.folder / "late.csv").read_text().splitlines()
    table = tmp_path / "new.csv"
    table.write_text("\n".join([lines[0].replace("load", "weight"), *lines[1:]]) + "\n")
    report = tmp_path / "data.md"
    arguments = ("check", trained.problem, "--table", table, "--as-of", "2026-01-10", "--report", report)
    code, out, _ = at_home(*arguments, "--json")
    assert (code, out["passed"], out["schema_change"]["kind"]) == (5, False, "breaking")
    assert "the schema breaks the contract: column 'load' is missing" in out["findings"]
    assert "**failed**" in report.read_text()
    code, shown, _ = at_home(*arguments)
    assert (code, "late: failed" in shown, "column 'load' is missing" in shown) == (5, True, True)


def test_rows_that_break_it_are_told_by_column(at_home: At, trained: Any, tmp_path: Path) -> None:
    lines = (trained.folder / "late.csv").read_text().splitlines()
    spoiled = [line.rsplit(",", 2)[0] + ",heavy,true" if row % 10 == 1 else line for row, line in enumerate(lines)]
    table = tmp_path / "new.csv"
    table.write_text("\n".join(spoiled) + "\n")
    arguments = ("check", trained.problem, "--table", table, "--as-of", "2026-01-10")
    code, shown, _ = at_home(*arguments)
    assert code == 5
    assert "expected a number, got 'heavy'" in shown
    assert at_home(*arguments, "--most-set-aside", "0.2")[0] == 0
