from __future__ import annotations

import io
import sys

import pytest

from pipelines.commands.live_progress import live_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_message_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with live_progress() as listener:
        listener("train", 1, 4, "trying [linear]")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "train      1/4  trying [linear]\n"


def test_on_a_terminal_steps_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with live_progress() as listener:
        listener("ingest", 0, 1, "reading")
        listener("train", 1, 4, "trying [linear]")
        listener("train", 2, 4, "trying [/forest]")  # no markup: it is shown as it is
    drawn = sys.stderr.getvalue()
    assert "ingest" in drawn
    assert "4/4" in drawn
    assert "[/forest]" in drawn
