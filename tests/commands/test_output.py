from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines.commands.output import number, show_error, table, write_result
from pipelines.core.errors import Issue, PayloadError
from pipelines.core.problem import Monitoring


@dataclass
class One:
    path: Path
    at: datetime


def test_whatever_a_step_gives_becomes_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = {
        "one": One(Path("a"), datetime(2026, 1, 1, tzinfo=UTC)),
        "numpy": np.float64(1.5),
        "nan": float("nan"),
        "infinity": [np.inf],
        "after": timedelta(minutes=1),
        "set": {1},
        "model": Monitoring(),
        "text": "é\n",
    }
    write_result(result, True, lambda: pytest.fail("shown"))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    printed = json.loads(out)
    assert printed["one"] == {"path": "a", "at": "2026-01-01T00:00:00+00:00"}
    assert (printed["numpy"], printed["nan"], printed["infinity"], printed["after"]) == (1.5, None, [None], 60.0)
    assert (printed["set"], printed["text"]) == ([1], "é\n")
    assert printed["model"]["window"] == "1w"


def test_a_person_gets_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    write_result({"a": 1}, False, lambda: table("Title", ("a",), [(1,), (None,), ("[/x]",)]))
    out = capsys.readouterr().out
    assert "Title" in out
    assert "[/x]" in out
    assert "None" not in out


def test_what_cannot_be_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="object"):
        write_result({"a": object()}, True, lambda: None)


def test_errors_carry_their_issues(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_error(PayloadError("bad", (Issue(2, "a", "is no number"),)), 11, True) == 11
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["issues"] == [{"row": 2, "feature": "a", "message": "is no number"}]
    assert "PayloadError: bad" in printed.err


def test_numbers_for_people() -> None:
    assert number(float("nan")) == "–"
    assert number(1234567.0) == "1.235e+06"
