"""The cards of a release: model card and datasheet, each as one self-contained HTML page and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.cards.card_findings import analyses_section, decision_section, outcome_mark
from pipelines.cards.document import Document, Figure
from pipelines.cards.dossier import Dossier, plot_path
from pipelines.cards.pages import as_html, as_markdown
from pipelines.cards.particulars import (
    asking_section,
    caveats_section,
    data_sections,
    details_section,
    ethics_section,
    factors_section,
    lineage_section,
    metrics_section,
    use_section,
)
from pipelines.cards.plots import draw_plots
from pipelines.cards.reference_answers import read_answers
from pipelines.cards.snapshot_sheet import datasheet_of_release, datasheet_pages
from pipelines.cards.wording import ends, level, number
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.problem import Problem
from pipelines.core.schema import Contract
from pipelines.core.scorecard import Scorecard
from pipelines.stores.storage.files import write_atomic

PAGES = {"html": "model_card.html", "md": "model_card.md"}


def write_cards(
    folder: Path,
    facts: Mapping[str, Any],
    problem: Problem,
    contract: Contract,
    card: Scorecard,
    decision: Decision,
    rehearsal: Rehearsal | None,
    reference: pd.DataFrame,
    datasheet: Path | None = None,
) -> dict[str, Path]:
    """Write the cards into `folder`; their paths by name relative to it (`model_card.html`, `plots/roc.svg`).

    `facts`: what release.json states (`stores.releases.release_files.release_facts`); `reference`: the release's
    held-out rows with answers and labels; `datasheet`: the Markdown file that ingest wrote, whose HTML lies beside it
    (without one the contract tells what it knows of the columns). A fact that is missing is shown as "not stated"; the
    same input gives the same bytes.
    """
    plots = draw_plots(card, read_answers(contract, reference))
    document = model_card(Dossier(facts, problem, contract, card, decision, rehearsal, plots))
    contents = {plot_path(name): plot.svg for name, plot in plots.items()}
    contents |= {PAGES["html"]: as_html(document), PAGES["md"]: as_markdown(document)}
    contents |= _datasheets(datasheet) or datasheet_pages(datasheet_of_release(problem, contract, facts))
    for name, content in contents.items():
        write_atomic(folder / name, content.encode())
    return {name: folder / name for name in contents}


def model_card(dossier: Dossier) -> Document:
    """The model card as its parts, in the order of Mitchell et al. (FAT* 2019), the decision before them."""
    mark = outcome_mark(dossier.decision, dossier.problem.good_enough.approval)
    sections = [
        decision_section(dossier),
        details_section(dossier),
        use_section(dossier),
        factors_section(dossier),
        metrics_section(dossier),
        *data_sections(dossier),
        analyses_section(dossier),
        ethics_section(dossier),
        caveats_section(dossier),
        lineage_section(dossier),
        asking_section(dossier),
    ]
    source = (
        "Made by Ratchet from the release's own files, when the gate decided. Questions as in Mitchell et al., Model "
        "Cards for Model Reporting (FAT* 2019). What nobody stated is marked so; nothing was added by hand."
    )
    name, lead = dossier.problem.name, dossier.problem.question
    return Document("Model card", name, lead, sections, source, mark, _figures(dossier))


def _figures(dossier: Dossier) -> list[Figure]:
    """The numbers at the head of the page."""
    card = dossier.card
    primary = card.metrics[card.primary]
    found = [
        Figure(card.primary, number(primary.value), f"{level(card.confidence)}: {ends(primary.low, primary.high)}")
    ]
    gain, baseline = card.comparison, card.baseline.get(card.primary)
    if gain is not None and gain.difference is not None:
        shown = f"+{number(gain.difference)}" if gain.difference > 0 else number(gain.difference)
        found.append(Figure("gain over the champion", shown, f"{level(card.confidence)}: {ends(gain.low, gain.high)}"))
    elif baseline is not None:
        found.append(Figure("baseline", number(baseline.value), f"{card.primary} of an answer that knows nothing"))
    period = "" if card.period is None else f"{card.period[0]:%Y-%m-%d} to {card.period[1]:%Y-%m-%d}"
    found.append(Figure("held-out rows", f"{card.rows:,}", period))
    passed = sum(one.passed for one in dossier.decision.checks)
    found.append(Figure("checks passed", f"{passed} of {len(dossier.decision.checks)}"))
    if dossier.rehearsal is not None and dossier.rehearsal.latency_ms is not None:
        found.append(Figure("one row over HTTP", f"{number(dossier.rehearsal.latency_ms)} ms", "median"))
    return found


def _datasheets(path: Path | None) -> dict[str, str]:
    """What ingest wrote, both forms; nothing where one of them is missing."""
    if path is None:
        return {}
    forms = {f"datasheet{suffix}": path.with_suffix(suffix) for suffix in (".html", ".md")}
    if not all(one.is_file() for one in forms.values()):
        return {}
    return {name: one.read_text() for name, one in forms.items()}
