"""Everything that a model card is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.cards.document import Cell, Code, Picture, Pictures
from pipelines.cards.plots import Plot
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.problem import Problem
from pipelines.core.schema import Contract
from pipelines.core.scorecard import Scorecard


@dataclass(frozen=True)
class Dossier:
    """One release's facts (release.json), problem, contract, scorecard, decision, rehearsal and plots."""

    facts: Mapping[str, Any]
    problem: Problem
    contract: Contract
    card: Scorecard
    decision: Decision
    rehearsal: Rehearsal | None
    plots: Mapping[str, Plot]

    def stated(self, name: str) -> str | None:
        """A fact of the release as text; None where nobody stated it."""
        value = self.facts.get(name)
        return None if value is None or value == "" else str(value)

    def code(self, name: str) -> Cell:
        """A fact that machines read."""
        value = self.stated(name)
        return None if value is None else Code(value)

    def count(self, name: str) -> str | None:
        """A number of rows."""
        value = self.facts.get(name)
        return f"{value:,}" if isinstance(value, int) else None

    def pictures(self, *names: str) -> list[Pictures]:
        """The named plots side by side, those that there are; nothing where there is none."""
        chosen = [(plot_path(name), self.plots[name]) for name in names if name in self.plots]
        found = [Picture(path, one.title, one.caption, one.svg, one.wide) for path, one in chosen]
        return [Pictures(found)] if found else []


def plot_path(name: str) -> str:
    """Where a plot lies beside the card."""
    return f"plots/{name}.svg"
