from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.stores.decisions.ledger_chain import Head
from pipelines.stores.decisions.ledger_heads import FILE, keep_head, ledger_name, read_heads


def test_the_newest_head_is_kept_for_each_ledger(tmp_path: Path) -> None:
    assert read_heads(tmp_path) == {}
    keep_head(tmp_path, "a", Head(2, "two"))
    keep_head(tmp_path, "a", Head(1, "one"))  # of a process that was slow to note it
    keep_head(tmp_path, "b", Head(1, "other"))
    assert read_heads(tmp_path) == {"a": Head(2, "two"), "b": Head(1, "other")}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": {"position": "x", "digest": "y"}}'])
def test_a_damaged_file_says_nothing_and_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert read_heads(tmp_path) == {}
    keep_head(tmp_path, "a", Head(1, "one"))
    assert read_heads(tmp_path) == {"a": Head(1, "one")}


def test_a_home_that_cannot_be_written_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    keep_head(Path("/proc/ratchet"), "a", Head(1, "one"))
    assert "could not be noted" in caplog.text


def test_a_name_has_no_password() -> None:
    assert ledger_name("postgresql+psycopg://u:p@h:5432/d?sslmode=require") == "h:5432/d"
