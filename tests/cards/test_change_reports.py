from __future__ import annotations

from typing import Any

from pipelines.cards.change_reports import data_report, model_report

DATA: dict[str, Any] = {
    "problem": "late",
    "as_of": "2026-01-10T00:00:00+00:00",
    "against": "the contract of champion 3",
    "contract_digest": "d" * 64,
    "rows": 1000,
    "labelled": 990,
    "set_aside": 80,
    "reasons": [{"column": "load", "rows": 80, "example": "expected a number, got '<b>|x'"}],
    "unseen": [{"column": "line", "rows": 2, "told": "1 new value: c"}],
    "schema_change": {"kind": "compatible", "messages": ["column 'new' is new: ignored"]},
    "findings": ["8.0% of the rows break the contract, 5.0% may"],
    "passed": False,
}
SPAN = {"value": 0.3, "low": 0.2, "high": 0.4}
MODEL: dict[str, Any] = {
    "problem": "late",
    "decision": "keep",
    "passed": False,
    "same": False,
    "champion": 3,
    "reasons": ["log_loss is not credibly better than champion 3"],
    "checks": [
        {"name": "labels", "passed": True, "reason": "80 held-out labels"},
        {"name": "gain", "passed": False, "reason": "log_loss is not credibly better than champion 3"},
        {"name": "slice line=a", "passed": True, "reason": "not worse"},
    ],
    "learner": "linear",
    "primary": "log_loss",
    "metrics": {"accuracy": SPAN, "log_loss": SPAN | {"low": None}},
    "champion_metrics": {"log_loss": {"value": 0.25, "low": 0.2, "high": 0.3}},
    "comparison": {"metric": "log_loss", "difference": -0.05, "low": -0.1, "high": 0.01},
    "rehearsal": {"skipped": None, "rows": 140, "wrong": 1, "latency_ms": 2.5},
    "rows": 400,
    "held_out": 80,
    "schema_change": {"kind": "none", "messages": []},
    "as_of": "2026-01-10T00:00:00+00:00",
}


def test_the_data_report_says_what_is_wrong_and_stays_markdown() -> None:
    text = data_report(DATA)
    assert text.startswith("# Data: late\n\n**failed**\n")
    assert "| Checked against | the contract of champion 3 |" in text
    assert "| Break the contract | 80 (8%) |" in text
    assert "- 8.0% of the rows break the contract, 5.0% may" in text
    assert "| load | expected a number, got '&lt;b&gt;\\|x' | 80 |" in text
    assert "| line | 1 new value: c | 2 |" in text
    assert "- column 'new' is new: ignored" in text


def test_a_short_data_report_has_no_empty_sections() -> None:
    quiet = DATA | {"reasons": [], "unseen": [], "findings": [], "passed": True}
    text = data_report(quiet | {"schema_change": {"kind": "none", "messages": []}, "set_aside": 0})
    assert "**passed**" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Result"]


def test_the_model_report_sets_both_side_by_side_and_names_what_failed_first() -> None:
    text = model_report(MODEL)
    assert text.startswith("# Model: late\n\n**the candidate would not be promoted**\n")
    lines = text.splitlines()
    assert "| log_loss | 0.3 | 0.25 (0.2 to 0.3) |" in lines
    assert lines.index("| log_loss | 0.3 | 0.25 (0.2 to 0.3) |") < lines.index("| accuracy | 0.3 (0.2 to 0.4) | – |")
    assert "Gain over the champion on the same rows: -0.05 (-0.1 to 0.01); above 0 is better." in text
    checks = [line for line in lines if line.startswith(("| gain", "| labels", "| slice"))]
    assert [line.split(" | ")[0] for line in checks] == ["| gain", "| labels"]
    assert "139 of 140 answers equal the batch; one row takes 2.5 ms" in text


def test_the_head_says_how_it_stands() -> None:
    assert "**the candidate is the champion, bit for bit**" in model_report(MODEL | {"same": True, "passed": True})
    undecided = model_report(MODEL | {"decision": "not_enough_data", "passed": True, "champion": None})
    assert "**the candidate cannot be judged yet**" in undecided
    assert "| Champion | none yet |" in undecided
    skipped = {"skipped": "RATCHET_REHEARSAL is off", "rows": 0, "wrong": 0, "latency_ms": None}
    text = model_report(MODEL | {"rehearsal": skipped, "comparison": None})
    assert "not rehearsed: RATCHET\\_REHEARSAL is off" in text or "not rehearsed: RATCHET_REHEARSAL is off" in text
