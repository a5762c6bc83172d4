"""The model card's probes: how sturdy the model is, what it goes by, what it costs, and the same answers over HTTP."""

from __future__ import annotations

from pipelines.cards.document import Block, Cell, Facts, Heading, Mark, Table, Text
from pipelines.cards.dossier import Dossier
from pipelines.cards.shared_cells import metric_value, passed_mark, points
from pipelines.cards.wording import ends, megabytes, number, percent, seconds, spanned
from pipelines.core.scorecard import Scorecard


def probe_blocks(dossier: Dossier) -> list[Block]:
    """Robustness, behaviour, leaks, explanation, cost and rehearsal, each under its heading."""
    blocks: list[Block] = []
    for title, part in (
        ("Robustness", _robustness(dossier.card)),
        ("Behaviour", _behaviour(dossier.card)),
        ("Leaks and overfitting", _memory(dossier.card)),
        ("Explanation", _explanation(dossier)),
        ("Cost", _cost(dossier)),
        ("Rehearsal over HTTP", _rehearsal(dossier)),
    ):
        blocks += [Heading(title), *part]
    return blocks


def _robustness(card: Scorecard) -> list[Block]:
    if not card.robustness:
        return [Text("")]
    rows = [
        (
            one.name,
            one.what,
            f"{one.rows:,}",
            metric_value(one.metric),
            "–" if one.fall is None else spanned(one.fall.difference, one.fall),
        )
        for one in card.robustness
    ]
    columns = ("stress", "what is done to the rows", "rows", card.primary, "lost (interval)")
    return [Table(columns, rows, numbers=3, note=f"{card.primary} on damaged rows, and what it lost on the same rows.")]


def _behaviour(card: Scorecard) -> list[Block]:
    if not card.behaviour:
        return [Text("No tests of invariance or direction are declared.")]
    rows = [
        (
            passed_mark(one.passed),
            one.feature,
            f"{one.change}: {one.expect}",
            f"{one.rows:,}" if one.reason is None else one.reason,
            percent(one.share),
            percent(one.wanted),
            number(one.largest),
        )
        for one in card.behaviour
    ]
    return [Table(("result", "feature", "test", "rows", "behaved", "wanted", "furthest wrong"), rows, numbers=4)]


def _memory(card: Scorecard) -> list[Block]:
    blocks: list[Block] = []
    if card.fitted:
        rows = [(name, number(one.value), metric_value(card.metrics.get(name))) for name, one in card.fitted.items()]
        blocks.append(Table(("metric", "on fitted rows", "held out"), rows, numbers=2))
    if card.leaks:
        found = [(one.feature, number(one.score), one.measure, one.reason) for one in card.leaks]
        return [*blocks, Table(("suspected leak", "score alone", "measure", "why"), found)]
    return [*blocks, Text("No single feature tells the label almost perfectly." if card.fitted else "")]


def _explanation(dossier: Dossier) -> list[Block]:
    found = dossier.card.explanation
    if found is None:
        return [Text("")]
    rows = [
        (one.feature, number(one.fall), ends(one.low, one.high), number(one.contribution)) for one in found.importances
    ]
    columns = ("feature", f"{dossier.card.primary} lost when shuffled", "interval", "mean |SHAP|")
    table = [Table(columns, rows, numbers=3)] if rows else []
    return [*dossier.pictures("importance", "effects"), *table, *points(found.notes)]


def _cost(dossier: Dossier) -> list[Block]:
    cost = dossier.card.cost
    if cost is None:
        return [Text("")]
    energy = None if cost.energy_wh is None else f"{number(cost.energy_wh)} Wh, estimated"
    rows = [
        ("Training (search and fit)", None if cost.train_seconds is None else seconds(cost.train_seconds)),
        ("Energy of the training", energy),
        ("How energy is estimated", cost.energy_method),
        ("Model file", megabytes(cost.model_bytes)),
        ("One row in process (median)", None if cost.row_ms is None else f"{number(cost.row_ms)} ms"),
    ]
    return [Facts(rows)]


def _rehearsal(dossier: Dossier) -> list[Block]:
    found = dossier.rehearsal
    if found is None:
        return [Text("")]
    if found.skipped is not None:
        return [Text(f"Skipped: {found.skipped}.")]
    fits = Mark("the same as in batch", "good") if not found.wrong else Mark(f"{found.wrong:,} differ", "bad")
    rows: list[tuple[str, Cell]] = [
        ("Held-out rows sent to the real service", f"{found.rows:,}"),
        ("Answers", fits),
        ("Largest difference", f"{number(found.largest)} (allowed: {number(found.tolerance)})"),
        ("Latency of one row, median", _unit(found.latency_ms, "ms")),
        ("Latency of one row, 99 of 100 within", _unit(found.latency_p99_ms, "ms")),
        ("Files that serving reads", _unit(found.size_mb, "MB")),
        ("Compiled form", None if found.compiled is None else "yes" if found.compiled else "no"),
    ]
    return [Facts(rows), *points(found.examples)]


def _unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{number(value)} {unit}"
