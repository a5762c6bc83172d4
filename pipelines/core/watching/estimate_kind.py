"""The label-free estimate: the loss that the answers themselves foretell, used only while it has not been wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.core.drift import KindVerdict, Level
from pipelines.core.watching.label_book import Findings, LabelBook, in_units
from pipelines.core.watching.observed import Block, Observed
from pipelines.core.watching.pooling import labels_of, pooled
from pipelines.core.watching.release_side import ReleaseSide

_REMEMBERED = 8  # newest windows with labels that the estimate is judged by
_SURE = 1.645  # standard errors: 95% one-sided
_WRONG = 2.5  # standard errors from which on an error is no chance
_LEFT = 0.8  # of the limit: a warning ends below this
_ALIKE = 0.7  # of the rise: what windows must have foretold to be a precedent
_GUESS = 0.25  # of the limit: what days differ by where nothing tells


def judge_estimate(
    book: LabelBook,
    side: ReleaseSide,
    observed: Observed,
    before: Mapping[str, Level],
    fewest: int,
    calm: bool = False,
) -> Findings:
    """The verdict on the mean loss that the answers of the window foretell, of which no label has to be known.

    For classes it is the confidence-based estimate (CBPE: the recalibrated answer's own expected log loss), for values
    the error model's (DLE). It warns where it is credibly above the limit, and has not been wrong where labels came.
    `calm`: labels show no harm; once they reach windows whose estimate was as high, the rows are known to be harder and
    the release no worse.
    """
    usual, limit, now = _usual(side), book.limit, observed.expected
    if usual is None or limit is None or book.loss is None or now is None or not np.isfinite(now):
        return Findings(KindVerdict("unknown", ["the answers foretell no loss: none are known to compare with"]))
    errors = _errors([*book.past, observed], fewest)
    rise, error = now - usual, _error(book, observed, limit)
    numbers = {
        "estimated loss": in_units(book.task, book.loss + rise),
        "estimated loss, limit": in_units(book.task, book.loss + limit),
    }
    if errors:
        numbers["estimate's own error"] = errors[-1][0]
    wrong = [off for off, chance in errors if abs(off) > limit / 2 and abs(off) > _WRONG * chance]
    if len(errors) >= 2 and 2 * len(wrong) > len(errors):
        largest = in_units(book.task, book.loss + max(wrong, key=abs)) - in_units(book.task, book.loss)
        text = f"was off by up to {largest:+.3g} in {len(wrong)} of {len(errors)} windows with labels: not used"
        return Findings(KindVerdict("unknown", [f"the estimate without labels {text}"]), numbers)
    if rise > limit * _LEFT and _borne_out(book.past, usual, rise, fewest) and calm:
        text = f"the loss is estimated at {numbers['estimated loss']:.3g}: labels of such windows show no harm"
        return Findings(KindVerdict("healthy", [text]), numbers)
    bar = limit * _LEFT if before.get("estimate") == "warning" else limit + _SURE * error
    if rise <= bar:
        return Findings(KindVerdict("healthy"), numbers)
    text = (
        f"without labels the loss is estimated at {numbers['estimated loss']:.3g} "
        f"(limit {numbers['estimated loss, limit']:.3g}), by the answers themselves"
    )
    proven = f"; right in {len(errors) - len(wrong)} of {len(errors)} windows with labels" if errors else ""
    return Findings(KindVerdict("warning", [text + proven]), numbers)


def _borne_out(past: Sequence[Observed], usual: float, rise: float, fewest: int) -> bool:
    """Windows whose answers foretold nearly as much have labels by now."""
    alike = [one for one in past if one.expected is not None and one.expected - usual >= _ALIKE * rise]
    return sum(one.labels for one in alike) >= fewest


def _usual(side: ReleaseSide) -> float | None:
    """What the answers to the reference rows foretell on average."""
    expected = side.promise.reference
    known = np.zeros(0) if expected is None else expected[np.isfinite(expected)]
    return float(known.mean()) if len(known) else None


def _errors(windows: Sequence[Observed], fewest: int) -> list[tuple[float, float]]:
    """How far off the estimate was in each of the newest windows with labels, and what chance explains of it."""
    found = []
    for one in windows:
        blocks = pooled(one.blocks)
        labels = labels_of(blocks)
        if labels >= fewest:
            chance = np.sqrt(sum(block.variance for block in blocks)) / labels
            found.append((sum(block.excess for block in blocks) / labels, float(chance)))
    return found[-_REMEMBERED:]


def _error(book: LabelBook, observed: Observed, limit: float) -> float:
    """Standard error of the window's rise: days differ in how hard their rows are."""
    days = _means(book.reference) if book.timed else np.zeros(0)
    spread = float(days.std(ddof=1)) if len(days) >= 3 else _GUESS * limit
    now = _means([one for one in observed.blocks if one.rows])
    return spread * float(np.sqrt(1 / max(len(now), 1) + 1 / max(len(days), 1)))


def _means(blocks: Sequence[Block]) -> np.ndarray:
    return np.array([one.expected / one.rows for one in blocks])
