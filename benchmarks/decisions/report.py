"""The page of a run: floors, rules side by side, coverage, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.decisions.duels import Tally
from benchmarks.decisions.floors import Coverage, coverages, floors
from benchmarks.decisions.rivals import RIVALS
from benchmarks.tables import Table, markdown, plain

_VERDICT = {True: "met", False: "**not met**", None: "–"}


def tables(tallies: Sequence[Tally]) -> list[Table]:
    """Every table of a run."""
    return [_floors(tallies), _rules(tallies), _covered(tallies)]


def text(tallies: Sequence[Tally]) -> str:
    """For the terminal."""
    return "\n\n".join(plain(table) for table in tables(tallies)).replace("**", "")


def page(about: dict[str, Any], tallies: Sequence[Tally]) -> str:
    """In Markdown, for the documentation to hold."""
    head = (
        f"Measured {about['at'][:10]} on {about['cores']} cores of {about['cpu']}, Python {about['python']}, MLflow "
        f"{about['versions']['mlflow']}: {about['duels']:,} duels per question and shape, seeds from 0, "
        f"{about['seconds'] / 60:.0f} minutes. A share of {about['duels']:,} duels near 5 % is known to "
        f"{1.96 * (0.05 * 0.95 / about['duels']) ** 0.5:.1%}."
    )
    parts = [f"## {table.title}\n\n{markdown(table)}" for table in tables(tallies)]
    return "\n\n".join([head, *parts]) + "\n"


def as_json(about: dict[str, Any], tallies: Sequence[Tally]) -> dict[str, Any]:
    """Everything that was counted."""
    return {
        "about": about,
        "floors": [
            {"promise": one.promise, "shape": one.tally.shape.name, "metric": one.tally.question.primary,
             "wanted": one.wanted, "at_most": one.at_most, "found": one.found, "bound": one.bound, "met": one.met}
            for one in floors(tallies)
        ],
        "coverage": [
            {"shape": one.shape, "metric": one.metric, "share": one.share, "told": one.told, "untold": one.untold,
             "met": one.met}
            for one in coverages(tallies)
        ],
        "counts": [
            {"shape": one.shape.name, "question": one.question.kind, "metric": one.question.primary,
             "counts": dict(sorted(one.counts.items()))}
            for one in tallies
        ],
    }  # fmt: skip


def _floors(tallies: Sequence[Tally]) -> Table:
    rows = [
        (one.promise, one.tally.shape.name, one.tally.question.primary, _limit(one.wanted, one.at_most),
         f"{one.found:.1%}", "" if one.bound is None else f"{one.bound:.1%}", _VERDICT[one.met])
        for one in floors(tallies)
    ]  # fmt: skip
    return Table("What the gate does", ("Challenger", "data", "metric", "wanted", "found", "at best", "verdict"), rows)


def _rules(tallies: Sequence[Tally]) -> Table:
    rows = [
        (_ASKED[one.question.kind], one.shape.name, one.question.primary, _share(one, "promote"),
         *(_share(one, rival) for rival in RIVALS))
        for one in tallies
    ]  # fmt: skip
    rivals = ("`new >= old`", *(f"MLflow, {name.split()[1]} better" for name in RIVALS[1:]))
    return Table("Who promotes how often", ("Challenger", "data", "metric", "Ratchet", *rivals), rows)


_ASKED = {
    "equal": "no better",
    "worse": "worse by twice the margin",
    "gain": "better by 0.02",
    "hurt": "better, but a declared slice worse by 0.05",
    "hidden": "better, but a slice worse by 0.05",
}


def _covered(tallies: Sequence[Tally]) -> Table:
    found = {(one.shape, one.metric): one for one in coverages(tallies)}
    shapes, metrics = ({key[place]: None for key in found} for place in (0, 1))
    rows = [(metric, *(_held(found.get((shape, metric))) for shape in shapes)) for metric in metrics]
    return Table("How often 95 % intervals hold the truth", ("Metric", *shapes), rows)


def _held(one: Coverage | None) -> str:
    if one is None:
        return ""
    untold = one.untold / (one.told + one.untold)
    shown = f"{one.share:.1%}" + (f", untold {untold:.0%}" if untold else "")
    return shown if one.met else f"**{shown}**"


def _limit(wanted: float | None, at_most: bool) -> str:
    return "–" if wanted is None else f"{'at most' if at_most else 'at least'} {100 * wanted:g} %"


def _share(tally: Tally, name: str) -> str:
    return f"{tally.counts[name] / tally.counts['duels']:.1%}"
