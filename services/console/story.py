"""The ledger as a story: newest first, and what repeats itself without news is one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stores.sql.ledger_tables import Entry

_FEW = 2
"""Healthy verdicts in a row that still stand for themselves."""


@dataclass(frozen=True)
class StoryLine:
    """One entry; or several healthy verdicts in a row, the newest first."""

    entries: Sequence[Entry]

    @property
    def one(self) -> Entry:
        """The entry, or the newest of several."""
        return self.entries[0]

    @property
    def oldest(self) -> Entry:
        """The entry, or the oldest of several."""
        return self.entries[-1]

    @property
    def reasons(self) -> list[str]:
        """The entry's reasons; of a release the comparison with the champion, or with the baseline, comes first."""
        reasons = list(self.one.reasons)
        if self.one.kind != "release":
            return reasons
        return sorted(reasons, key=lambda one: 0 if "champion" in one else 1 if "baseline" in one else 2)

    @property
    def folded(self) -> bool:
        """Whether it stands for several."""
        return len(self.entries) > 1


def story_lines(entries: Sequence[Entry]) -> list[StoryLine]:
    """Entries as lines, in their order; healthy verdicts that follow each other are folded."""
    lines: list[StoryLine] = []
    run: list[Entry] = []
    for entry in [*entries, None]:
        if entry is not None and entry.kind == "verdict" and entry.outcome == "healthy":
            run.append(entry)
            continue
        lines += [StoryLine(run)] if len(run) > _FEW else [StoryLine([one]) for one in run]
        run = []
        if entry is not None:
            lines.append(StoryLine([entry]))
    return lines
