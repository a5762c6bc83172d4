"""The model card's findings: the decision with every check, how good overall, and for whom."""

from __future__ import annotations

from pipelines.cards.document import Block, Facts, Heading, Mark, Points, Section, Table, Text
from pipelines.cards.dossier import Dossier
from pipelines.cards.probes import probe_blocks
from pipelines.cards.shared_cells import metric_spanned, metric_value, passed_mark, points
from pipelines.cards.wording import interval, level, number, spanned
from pipelines.core.evaluation.slice_harm import Slice
from pipelines.core.gate import Decision
from pipelines.core.problem import HIGHER_IS_BETTER
from pipelines.core.scorecard import Scorecard

OUTCOMES = {
    "promote": Mark("Promoted by the gate", "good"),
    "keep": Mark("Not promoted by the gate", "bad"),
    "not_enough_data": Mark("Not enough data to decide", "plain"),
}
_PATHS = {
    "first": "the first release: no champion to be compared with",
    "superior": "credibly better than the champion on the same rows",
    "non_inferior": "not worse than the champion by more than the margin, with a reason to change",
}
_MOST_SLICES = 60


def decision_section(dossier: Dossier) -> Section:
    """What the gate decided, and every check with its numbers."""
    decision, card = dossier.decision, dossier.card
    champion = card.champion
    against = "no champion" if champion is None else f"version {champion.version or 'not stated'}"
    rows: list[tuple[str, str | Mark | None]] = [
        ("Outcome", OUTCOMES[decision.outcome]),
        ("Judged against", against),
    ]
    if decision.path is not None:
        rows.append(("By what right", _PATHS[decision.path]))
    if decision.change is not None:
        rows.append(("Reason to change", f"{decision.change.kind}: {decision.change.text}"))
    if decision.needed_labels is not None:
        rows.append(("Labels that would settle it", f"about {decision.needed_labels:,} more"))
    if dossier.problem.good_enough.approval and decision.outcome == "promote":
        rows.append(("Approval", "a second person's approval was asked for; the ledger has who gave it and when"))
    checks = [
        (passed_mark(one.passed), one.name, one.reason, number(one.value), number(one.limit)) for one in decision.checks
    ]
    blocks: list[Block] = [Facts(rows), Heading("Why"), Points(decision.reasons)]
    blocks += [Heading("Every check"), Table(("result", "check", "finding", "found", "limit"), checks, numbers=2)]
    return Section("Decision", "decision", blocks)


def analyses_section(dossier: Dossier) -> Section:
    """Quantitative analyses: overall, per slice and group, under stress; explanation and cost."""
    blocks: list[Block] = [Heading("Overall"), _metrics_table(dossier.card), *dossier.pictures("metrics")]
    blocks += dossier.pictures("roc", "precision_recall", "calibration", "confusion")
    blocks += [*dossier.pictures("residuals"), *_calibration(dossier.card)]
    for title, part in (
        ("Slices", _slices(dossier)),
        ("Fairness", _fairness(dossier)),
    ):
        blocks += [Heading(title), *part]
    return Section("Quantitative analyses", "analyses", [*blocks, *probe_blocks(dossier)])


def _metrics_table(card: Scorecard) -> Table:
    champion = None if card.champion is None else card.champion.metrics
    rows = []
    for name, one in card.metrics.items():
        side = "more" if name in HIGHER_IS_BETTER else "less"
        shown = [f"{name} (primary)" if name == card.primary else name, side, number(one.value), interval(one)]
        if champion is not None:
            shown.append(metric_value(champion.get(name)))
        rows.append([*shown, metric_value(card.baseline.get(name))])
    columns = ["metric", "better", "value", f"{level(card.confidence)} interval"]
    columns += [*(["champion"] if champion is not None else []), "baseline"]
    gain = card.comparison
    note = ""
    if gain is not None:
        note = f"Gain over the champion on the same rows: {gain.metric} {spanned(gain.difference, gain, signed=True)}."
        if card.strict is not None and card.strict.low is not None:
            note += f" The interval that a harm far beyond the margin is held against: {interval(card.strict)}."
    elif card.champion is not None and card.champion.reason:
        note = f"The champion could not be scored on these rows: {card.champion.reason}."
    return Table(columns, rows, numbers=len(columns) - 2, note=note)


def _calibration(card: Scorecard) -> list[Block]:
    found = card.calibration
    if found.ece is None:
        return []
    rows = [("Expected calibration error", number(found.ece))]
    if found.noise is not None:
        rows.append(("The same of a perfect model on so few rows", number(found.noise)))
    named = [("Corrected for that", found.corrected), ("Slope (1 is right)", found.slope)]
    named.append(("Intercept (0 is right)", found.intercept))
    rows += [(label, spanned(one.value, one)) for label, one in named if one is not None]
    return [Heading("Calibration"), Facts(rows), *points(found.notes)]


def _slices(dossier: Dossier) -> list[Block]:
    card = dossier.card
    blocks: list[Block] = []
    if card.search is not None:
        about = f"Searched {card.search.looked_at:,} slices of {card.search.features:,} features for harm"
        blocks.append(Text(f"{about}: {card.search.reason or card.search.method}."))
    if not card.slices:
        declared = ", ".join(dossier.problem.good_enough.slices)
        told = f"Declared slices ({declared}) were not judged." if declared else "No slices are declared."
        return [*blocks, Text(told)]
    against = any(one.gain is not None for one in card.slices)
    columns = ["slice", "rows", card.primary, *(["champion", "gain", "p"] if against else ["interval"])]
    rows = [_slice_row(card, one, against) for one in card.slices[:_MOST_SLICES]]
    left = len(card.slices) - len(rows)
    notes = ["p: how likely so large a harm beyond the margin is by luck, corrected for looking at many."] * against
    notes += [f"{left} more are in scorecard.json."] * (left > 0)
    return [*dossier.pictures("slices"), Table(columns, rows, numbers=len(columns) - 1, note=" ".join(notes)), *blocks]


def _slice_row(card: Scorecard, one: Slice, against: bool) -> list[str]:
    ours = one.metrics.get(card.primary)
    name = f"{one.column} = {one.value}" + (" (found by the search)" if one.searched else "")
    shown = [name, f"{one.rows:,}", metric_value(ours)]
    if not against:
        return [*shown, interval(ours)]
    theirs = metric_value((one.champion or {}).get(card.primary))
    gain = "–" if one.gain is None else spanned(one.gain.difference, one.gain, signed=True)
    if one.gain is not None and one.gain.metric != card.primary:
        gain += f" {one.gain.metric}"
    return [*shown, theirs, gain, number(one.p_value)]


def _fairness(dossier: Dossier) -> list[Block]:
    if not dossier.card.fairness:
        declared = dossier.problem.good_enough.protected
        return [Text("" if declared else "No protected columns are declared: not measured.")]
    blocks: list[Block] = []
    for one in dossier.card.fairness:
        names = list(dict.fromkeys(name for group in one.groups for name in group.rates))
        rows = [
            [group.value, f"{group.rows:,}", *(metric_spanned(group.rates.get(name)) for name in names)]
            for group in one.groups
        ]
        gaps = [(name, number(gap.value), interval(gap)) for name, gap in one.gaps.items()]
        blocks.append(Table([one.column, "rows", *names], rows, numbers=len(names) + 1))
        blocks += [Table((f"gap between groups of {one.column}", "value", "interval"), gaps, numbers=2)]
        blocks += points(one.notes)
    return blocks


def outcome_mark(decision: Decision, approval: bool) -> Mark:
    """The decision in two words, for the head of the page."""
    if approval and decision.outcome == "promote":
        return Mark("Passed the gate, awaits approval", "plain")
    return OUTCOMES[decision.outcome]
