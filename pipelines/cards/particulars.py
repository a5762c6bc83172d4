"""The model card's particulars: what the model is, what it is for, what it was made from and how to get it again.

The questions are those of Mitchell et al., Model Cards for Model Reporting, FAT* 2019. What the problem file and the
release do not say is "not stated": nothing is made up.
"""

from __future__ import annotations

import json
from typing import Any

from pipelines.cards.document import Block, Cell, Code, Facts, Heading, Listing, Points, Section, Table, Text
from pipelines.cards.dossier import Dossier
from pipelines.cards.wording import level, listed, moment, number, percent
from pipelines.core.problem import write_duration

SCORES = {
    "binary": "the probability of the positive class; the answer is the class that is more likely",
    "multiclass": "a probability for each class; the answer is the most likely one",
    "regression": "a value",
}
_MOST_FEATURES = 60


def details_section(dossier: Dossier) -> Section:
    """Who made what, when, and by which means."""
    facts, contract = dossier.facts, dossier.contract
    params = [(name, Code(str(value))) for name, value in (facts.get("params") or {}).items()]
    serving = facts.get("serving") or {}
    form = "compiled to tables of numbers" if serving.get("compiled") else serving.get("reason")
    rows: list[tuple[str, Cell]] = [
        ("Problem", Code(dossier.problem.name)),
        ("Version", dossier.stated("version") or "given when it is registered: ratchet releases lists it"),
        ("Owner, and where to ask", dossier.problem.owner),
        ("Asked for by", _asker(dossier)),
        ("Made as of", moment(dossier.stated("as_of"))),
        ("Task", f"{dossier.card.task}: {SCORES[dossier.card.task]}"),
        ("Target", Code(contract.target)),
        ("Classes", listed(contract.classes or []) if dossier.card.task != "regression" else "none: a value"),
        ("Learner", dossier.code("learner")),
        ("Form that serves", form if form is None else str(form)),
        ("Licence", None),
        ("Citation", None),
    ]
    features = [(Code(one.name), one.kind, "sent with a request") for one in contract.features]
    features += [(Code(str(one)), "numeric", "history, looked up") for one in facts.get("history") or []]
    left = len(features) - _MOST_FEATURES
    blocks: list[Block] = [Facts(rows), Heading("Parameters"), Facts(params) if params else Text("")]
    note = f"{left} more are in contract.json." if left > 0 else ""
    blocks += [Heading("Features"), Table(("feature", "kind", "where from"), features[:_MOST_FEATURES], note=note)]
    return Section("Model details", "details", blocks)


def use_section(dossier: Dossier) -> Section:
    """What the model is for, as far as the problem file says it."""
    rows: list[tuple[str, Cell]] = [
        ("Question that it answers", dossier.problem.question),
        ("Intended users", None),
        ("Out of scope", None),
    ]
    return Section("Intended use", "use", [Facts(rows)])


def factors_section(dossier: Dossier) -> Section:
    """What results may depend on, and which of it was looked at."""
    wanted = dossier.problem.good_enough
    searched = "yes, corrected for looking at many" if wanted.search_slices else "no"
    rows: list[tuple[str, Cell]] = [
        ("Slices judged one by one", listed(wanted.slices) or "none declared"),
        ("All features searched for slices that got worse", searched),
        ("Protected columns", listed(wanted.protected) or "none declared"),
        ("Other relevant factors", None),
    ]
    return Section("Factors", "factors", [Facts(rows)])


def metrics_section(dossier: Dossier) -> Section:
    """What is measured, what is asked for, and how sure one can be."""
    wanted, card = dossier.problem.good_enough, dossier.card
    chosen = "as declared" if wanted.metric else "the default for this task"
    threshold = "none: the class with the highest probability" if card.task != "regression" else "none: a value"
    rows: list[tuple[str, Cell]] = [
        ("Primary metric", f"{card.primary}, {chosen}"),
        ("Decision threshold", threshold),
        ("Worst value allowed", number(wanted.minimum) if wanted.minimum is not None else "none declared"),
        ("Margin of non-inferiority", f"{percent(wanted.margin)} of the champion's value"),
        ("Margin of a slice", percent(wanted.slice_margin)),
        ("Confidence", level(wanted.confidence)),
        ("Fewest labels", f"{wanted.min_labels:,}"),
        ("Calibration limit", _limit(wanted.calibration)),
        ("Latency limit", _limit(wanted.max_latency_ms, " ms")),
        ("Size limit", _limit(wanted.max_size_mb, " MB")),
        ("Fairness limit", _limit(wanted.fairness)),
    ]
    method = [note for note in card.notes if note.startswith(("intervals", "dependent rows"))]
    return Section("Metrics", "metrics", [Facts(rows), *([Points(method)] if method else [])])


def data_sections(dossier: Dossier) -> list[Section]:
    """What it was judged on, and what it learnt from."""
    card, split = dossier.card, dossier.problem.split
    timed = split.method == "time" or (split.method == "auto" and dossier.problem.data.time is not None)
    chosen = "the newest rows" if timed else "rows at random"
    if split.groups:
        chosen += f", groups of {split.groups} kept together"
    period = None if card.period is None else f"{moment(card.period[0])} to {moment(card.period[1])}"
    judged: list[tuple[str, Cell]] = [
        ("Held-out labelled rows", f"{card.rows:,}"),
        ("How they were chosen", f"{chosen}, {percent(split.test)} of the labelled ones"),
        ("Period", period if dossier.problem.data.time else "no time column"),
        ("Preparation", "the same code as in training and serving"),
    ]
    learnt: list[tuple[str, Cell]] = [
        ("Snapshot", dossier.code("snapshot")),
        ("Rows in the snapshot", dossier.count("rows")),
        ("Rows with a label", dossier.count("labels")),
        ("Rows fitted on", dossier.count("trained_rows")),
        ("Newest row fitted on", moment(dossier.stated("trained_until"))),
        ("Training window", write_duration(split.window) if split.window else "all rows"),
    ]
    datasheet = Text("The datasheet of this snapshot lies beside this card: datasheet.html, datasheet.md.")
    return [
        Section("Evaluation data", "evaluation-data", [Facts(judged)]),
        Section("Training data", "training-data", [Facts(learnt), datasheet]),
    ]


def ethics_section(dossier: Dossier) -> Section:
    """Mitchell's ethical considerations: only what was declared or measured is said."""
    protected = dossier.problem.good_enough.protected
    rows: list[tuple[str, Cell]] = [
        ("Protected characteristics of people", listed(protected) or "none declared in the problem file"),
        ("Gaps between groups", "measured: see Fairness" if dossier.card.fairness else "not measured"),
        ("Sensitive data", None),
        ("Decisions about people's lives that rest on it", None),
        ("Risks, harms and what is done about them", None),
    ]
    return Section("Ethical considerations", "ethics", [Facts(rows)])


def caveats_section(dossier: Dossier) -> Section:
    """What the scorecard itself says against its numbers, and when to look again."""
    card, watch = dossier.card, dossier.problem.monitoring
    failed = [f"The gate's check failed: {one.reason}" for one in dossier.decision.checks if not one.passed]
    notes = [note for note in card.notes if not note.startswith("intervals")]
    blocks: list[Block] = [Points([*failed, *notes])] if failed or notes else []
    rows: list[tuple[str, Cell]] = [
        ("Limitations known to the owner", None),
        ("Watched in windows of", write_duration(watch.window)),
        ("Alarm when the loss credibly rises by", percent(watch.thresholds.loss)),
        (
            "Trained again on",
            listed(dossier.problem.retraining.on) if dossier.problem.retraining.enabled else "request",
        ),
    ]
    return Section("Caveats and recommendations", "caveats", [*blocks, Facts(rows)])


def lineage_section(dossier: Dossier) -> Section:
    """The digests that name what went in, and the way back to the same model."""
    code: dict[str, Any] = dict(dossier.facts.get("code") or {})
    commit = code.get("commit")
    state = {True: "clean", False: "with changes that were not committed"}.get(code.get("clean"))  # type: ignore[arg-type]
    rows: list[tuple[str, Cell]] = [
        ("Model", Code(dossier.card.digest)),
        ("Run key (snapshot, problem, code)", dossier.code("run_key")),
        ("Run in MLflow", dossier.code("run_id")),
        ("Snapshot", dossier.code("snapshot")),
        ("Problem file", dossier.code("problem_digest")),
        ("Contract", dossier.code("contract_digest")),
        ("Code", Code(code["digest"]) if code.get("digest") else None),
        ("Commit", Code(commit) if commit else None),
        ("Working tree", state),
        ("Ratchet", code.get("version")),
        ("Libraries", listed(f"{name} {version}" for name, version in (code.get("libraries") or {}).items())),
    ]
    version = dossier.stated("version") or "VERSION"
    command = f"ratchet reproduce {dossier.problem.name}@{version}"
    told = "Fetches snapshot, problem file and code by these digests, trains again in a clean place and compares."
    return Section("Lineage and reproduction", "lineage", [Facts(rows), Listing(command), Text(told)])


def asking_section(dossier: Dossier) -> Section:
    """How an application asks the model, with an example of its own columns."""
    asked = {one.name: one.example for one in dossier.contract.columns if one.asked}
    body = json.dumps({"instances": [asked]}, ensure_ascii=False, default=str)
    name = dossier.problem.name
    url = f"http://127.0.0.1:8000/v1/models/{name}/predict"
    quoted = body.replace("'", "'\\''")
    lines = f"curl -s {url} \\\n  -H 'content-type: application/json' \\\n  -d '{quoted}'"
    told = "The champion answers. Keep the id of the answer: it finds label, explanation and passport later."
    return Section("How to ask it", "asking", [Text(told), Listing(lines), Listing("ratchet passport PREDICTION_ID")])


def _asker(dossier: Dossier) -> str | None:
    actor, request = dossier.stated("actor"), dossier.stated("request")
    return actor if actor is None or request is None else f"{actor}, request {request} in the ledger"


def _limit(value: float | None, unit: str = "") -> str:
    return "measured, not judged" if value is None else f"{number(value)}{unit}"
