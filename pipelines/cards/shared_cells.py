"""Cells that several parts of a card show alike."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.cards.document import Block, Mark, Points
from pipelines.cards.wording import number, spanned
from pipelines.core.metrics import Metric


def passed_mark(passed: bool) -> Mark:
    """Whether a check or a test was passed.

    >>> passed_mark(True).text
    'passed'
    """
    return Mark("passed", "good") if passed else Mark("failed", "bad")


def metric_value(found: Metric | None) -> str:
    """A metric without its interval; a dash where there is none.

    >>> metric_value(Metric(value=0.25)), metric_value(None)
    ('0.25', '–')
    """
    return number(None if found is None else found.value)


def metric_spanned(found: Metric | None) -> str:
    """A metric with its interval, or why it has no value.

    >>> metric_spanned(Metric(value=0.25, low=0.2, high=0.3))
    '0.25 (0.2 to 0.3)'
    """
    return "–" if found is None else spanned(found.value, found)


def points(notes: Sequence[str]) -> list[Block]:
    """Notes as a list; nothing where there are none."""
    return [Points(notes)] if notes else []
