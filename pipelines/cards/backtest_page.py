"""The page of a backtest: which policy did best, what each alarm preceded, and every training with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.cards.document import (
    Block,
    Cell,
    Document,
    Figure,
    Listing,
    Mark,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from pipelines.cards.pages import as_html
from pipelines.cards.plots import draw_backtest
from pipelines.cards.wording import number

_REASONS, _LETTERS = 2, 260
_TONES: dict[str, Any] = {"promote": "good", "keep": "plain", "alarm": "bad", "healthy": "good", "failed": "bad"}
_WORDS = {"promote": "promoted", "keep": "rejected", "not_enough_data": "undecided", "nothing": "nothing was asked"}


def backtest_page(found: Mapping[str, Any]) -> str:
    """One HTML page that needs nothing else; `found` is what `steps.backtest` gives."""
    return as_html(backtest_document(found))


def backtest_document(found: Mapping[str, Any]) -> Document:
    """The page's parts."""
    policies = found["policies"]
    return Document(
        kind="Backtest",
        name=found["problem"],
        lead=found["question"] or f"{found['problem']}, replayed",
        figures=_figures(found),
        sections=[
            Section("Policies side by side", "policies", _compared(found)),
            *[Section(f"Policy {one['name']}", f"policy-{place}", _policy(one)) for place, one in enumerate(policies)],
            Section("How it was done", "how", [Text(_HOW), *[Text(note) for note in found["notes"]]]),
        ],
        source=f"ratchet backtest {found['problem']}, {found['seconds']:.0f} s",
    )


_HOW = (
    "Each policy lived through the same windows with a virtual clock. At the start, and whenever its policy asked, "
    "a candidate was trained by the very same steps on what was known at that moment, and the gate decided between it "
    "and the champion. A window was judged at its end by the labels known then; the losses above go by all labels that "
    "came in the end, which no decision has seen."
)


def _figures(found: Mapping[str, Any]) -> list[Figure]:
    measured = [one for one in found["policies"] if one["loss"] is not None]
    windows = len(found["policies"][0]["windows"])
    span = f"{_day(found['start'])} to {_day(found['end'])}"
    figures = [Figure("Windows", f"{windows}", f"{span}, {found['window']} each"), Figure("Rows", f"{found['rows']:,}")]
    if measured:
        best = min(measured, key=lambda one: (one["loss"], one["retrainings"]))
        figures.append(Figure(f"Least {found['metric']}", number(best["loss"]), best["name"]))
        frugal = _frugal(measured)
        if frugal is not None:
            figures.append(Figure("95% of the best gain", f"{frugal['retrainings']} retrainings", frugal["name"]))
    return figures


def _frugal(measured: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The policy that trains least among those with nearly the whole of what retraining gained."""
    worst, best = measured[0]["loss"], min(one["loss"] for one in measured)
    if best >= worst:
        return None
    near = [one for one in measured if worst - one["loss"] >= 0.95 * (worst - best)]
    return min(near, key=lambda one: (one["retrainings"], one["loss"]))


def _compared(found: Mapping[str, Any]) -> list[Block]:
    first = found["policies"][0]
    rows: list[list[Cell]] = []
    for one in found["policies"]:
        known = one["loss"] is not None and first["loss"] is not None
        gained = number(first["loss"] - one["loss"]) if known else "–"
        counts = [f"{one[name]}" for name in ("retrainings", "rejected", "alarms")]
        rows.append([one["name"], number(one["loss"]), gained, *counts, f"{one['compute_s']:.0f} s"])
    columns = ("Policy", found["metric"], f"Gained over {first['name']}", "Retrainings", "Rejected", "Alarms", "CPU")
    note = "CPU: of all trainings, the first too, as if no policy had shared them. Alarms: windows at alarm."
    plots = draw_backtest(found)
    pictures = [Picture(f"{name}.svg", one.title, one.caption, one.svg, one.wide) for name, one in plots.items()]
    return [Table(columns, rows, numbers=6, note=note), Pictures(pictures)]


def _policy(policy: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [Listing(_told(policy["policy"]))]
    trainings = [
        [
            _day(one["at"]),
            _outcome(one["outcome"]),
            _short(one["reasons"]),
            _short(one["gate"]),
            f"{one['cpu_seconds']:.0f} s",
        ]
        for one in policy["trainings"]
    ]
    trainings[0][2] = "the first"
    blocks.append(Table(("Trained", "Gate", "Why", "What the gate said", "CPU"), trainings, numbers=1))
    if policy["aftermath"]:
        after = [
            [
                _day(one["at"]),
                ", ".join(one["kinds"]),
                _outcome(one["answer"]),
                number(one["promised"]),
                number(one["left_alone"]),
                number(one["actual"]),
            ]
            for one in policy["aftermath"]
        ]
        columns = ("Alarm or request", "Kinds", "What followed", "Promised", "Left alone", "As it went")
        note = (
            "Promised: the release's loss on its scorecard. Left alone: the loss of the next four windows, had it gone "
            "on. As it went: theirs with what served in the end."
        )
        blocks.append(Table(columns, after, numbers=3, note=note))
    blocks.append(Table(("Window", "Release", "Verdict", "Why", "Rows", "Labels", "Loss"), _windows(policy), numbers=3))
    return blocks


def _windows(policy: Mapping[str, Any]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for one in policy["windows"]:
        verdict = Mark(one["verdict"], _TONES.get(one["verdict"], "plain"))
        counts = [f"{one['rows']:,}", f"{one['labels']:,}", number(one["loss"])]
        why = _short(one["reasons"]) if one["verdict"] in ("warning", "alarm") else "–"
        rows.append([f"{_day(one['start'])} – {_day(one['end'])}", f"{one['version']}", verdict, why, *counts])
    return rows


def _told(policy: Mapping[str, Any]) -> str:
    """The policy as it would stand in a problem file."""
    lines = ["retraining:"]
    for name, value in policy.items():
        if value is not None:
            shown = (
                f"[{', '.join(value)}]"
                if isinstance(value, list)
                else str(value).lower()
                if value in (True, False)
                else value
            )
            lines.append(f"  {name}: {shown}")
    return "\n".join(lines)


def _outcome(word: str) -> Cell:
    return Mark(_WORDS.get(word, word), _TONES.get(word, "plain"))


def _short(reasons: Sequence[str]) -> str:
    told = "; ".join(reasons[:_REASONS])
    more = f" (and {len(reasons) - _REASONS} more)" if len(reasons) > _REASONS else ""
    return (told if len(told) <= _LETTERS else f"{told[:_LETTERS]}…") + more or "–"


def _day(moment: str) -> str:
    found = datetime.fromisoformat(moment)
    return f"{found:%Y-%m-%d}" if found.time() == datetime.min.time() else f"{found:%Y-%m-%d %H:%M}"
