"""`ratchet init` as a person calls it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.cli import run
from pipelines.core.errors import NotEnoughData, ProblemError, SourceError
from pipelines.stores.problems.problem_files import load_problem


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    rows = 100
    frame = pd.DataFrame(
        {
            "order id": np.arange(rows) + 1000,
            "price [€]": rng.normal(size=rows),
            "sold on": pd.date_range("2024-01-01", periods=rows),
            "kept": rng.choice(["yes", "no"], rows),
        }
    )
    frame["returned"] = frame["kept"] == "no"
    frame["one"] = 1
    (tmp_path / "data").mkdir()
    frame.to_csv(tmp_path / "data" / "Orders 2024.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return Path("data") / "Orders 2024.csv"


def test_drafts_beside_where_it_is_called(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(table), "--target", "kept"]) == 0
    shown = capsys.readouterr().out
    assert "ratchet train orders-2024.yaml" in shown
    assert "suspected leak: 'returned'" in shown
    assert "--time" in shown
    loaded = load_problem("orders-2024.yaml")
    assert loaded.problem.data.source.files == "data/Orders 2024.csv"
    assert loaded.problem.data.key == ["order id"]


def test_options_and_json(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "init",
        str(table),
        "--target",
        "kept",
        "--time",
        "sold on",
        "--drop",
        "returned",
        "--drop",
        "one",
    ]
    assert run([*arguments, "--name", "orders", "-o", "problems/mine.yaml", "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["problem"] == "orders"
    assert result["task"] == "binary"
    assert result["suspects"] == []
    assert result["features"]["ignored"] == ["returned", "one"]
    problem = load_problem("problems/mine.yaml").problem
    assert problem.data.time == "sold on"
    assert problem.data.source.files == "../data/Orders 2024.csv"


def test_errors_have_their_exit_codes(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "nothing.csv", "--target", "kept"]) == SourceError.exit_code
    assert run(["init", str(table), "--target", "Kept"]) == ProblemError.exit_code
    assert "did you mean 'kept'?" in capsys.readouterr().err
    assert run(["init", str(table), "--target", "one"]) == NotEnoughData.exit_code
    assert run(["init", str(table)]) == 2


def test_a_changed_file_is_kept_unless_forced(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["init", str(table), "--target", "kept", "-o", "p.yaml"]
    assert run(call) == run(call) == 0
    Path("p.yaml").write_text(Path("p.yaml").read_text() + "# mine\n")
    assert run(call) == ProblemError.exit_code
    assert run([*call, "--force"]) == 0
    assert "mine" not in Path("p.yaml").read_text()


def test_the_task_may_be_told(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(table), "--target", "kept", "--task", "multiclass", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "multiclass"
