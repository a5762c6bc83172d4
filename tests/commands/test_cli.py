from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipelines import cli
from pipelines.core.errors import RatchetError

Ratchet = Callable[..., tuple[int, Any, str]]


def test_help_names_every_command_but_hidden_ones(ratchet: Ratchet) -> None:
    code, out, _ = ratchet("--help")
    assert code == 0
    shown = {name for name, command in cli.COMMANDS.items() if command.panel}
    assert all(f" {name} " in out for name in shown)
    assert " step " not in out


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself(name: str, ratchet: Ratchet) -> None:
    code, out, _ = ratchet(name, "--help")
    assert code == 0
    assert "--json" in out


def test_help_shows_its_defaults(ratchet: Ratchet) -> None:
    """Rich takes what stands in brackets for markup."""
    assert "[default:" in ratchet("init", "--help")[1]
    assert "[default: 90d]" in ratchet("log", "seal", "--help")[1]


def test_help_imports_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "pydantic", "sklearn", "mlflow", "prefect", "dvc", "evidently", "duckdb", "lightgbm"}
    code = f"import sys; from pipelines.cli import run; run(['--help']); sys.exit(bool({heavy!r} & set(sys.modules)))"
    started = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0
    assert time.process_time() - started < 5


def test_an_error_has_its_code_and_is_printed_as_json_too(ratchet: Ratchet) -> None:
    code, out, err = ratchet("predict", "no-such-file.yaml", "rows.csv", "-o", "out.csv", "--json")
    assert code == 3
    assert out["error"]["type"] == "ProblemError"
    assert out["error"]["exit_code"] == 3
    assert out["error"]["message"] in err


@pytest.mark.parametrize("line", [["bogus"], ["train"], ["train", "x", "--as-of", "yesterday"], ["up", "--bogus"]])
def test_a_wrong_command_line_ends_with_2(line: list[str], ratchet: Ratchet) -> None:
    assert ratchet(*line)[0] == 2
    code, out, _ = ratchet(*line, "--json")
    assert code == 2
    assert out["error"]["exit_code"] == 2


def test_a_setting_that_cannot_be_used_is_named(ratchet: Ratchet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_POLL_SECONDS", "often")
    code, out, _ = ratchet("status", "--json")
    assert code == 3
    assert "RATCHET_POLL_SECONDS" in out["error"]["message"]


def test_an_interrupt_ends_with_130(ratchet: Ratchet, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(json: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.commands.doctor.doctor", interrupted)
    code, _, err = ratchet("doctor")
    assert code == 130
    assert "again" in err


def test_every_exit_code_is_documented() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md").read_text()
    # The refusals of a service are answers over HTTP: no command ends with one.
    for error in (one for one in RatchetError.__subclasses__() if one.__module__.startswith("pipelines.")):
        assert f"| {error.exit_code} | `{error.__name__}`" in text
