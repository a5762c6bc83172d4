from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.cards.document import Heading
from pipelines.cards.dossier import Dossier
from pipelines.cards.probes import probe_blocks
from pipelines.core.evaluation.rehearsal import Rehearsal


def shown(case: Any, rehearsal: Rehearsal | None = None) -> str:
    parts = (case.facts, case.problem, case.contract, case.card, case.decision, rehearsal or case.rehearsal)
    return str(probe_blocks(Dossier(*parts, plots={})))


def test_every_part_has_its_heading_even_where_nothing_is_known(make_case: Callable[..., Any]) -> None:
    for full in (True, False):
        case = make_case("binary", full=full)
        parts = (case.facts, case.problem, case.contract, case.card, case.decision, case.rehearsal)
        headings = [one.text for one in probe_blocks(Dossier(*parts, plots={})) if isinstance(one, Heading)]
        assert headings == [
            "Robustness",
            "Behaviour",
            "Leaks and overfitting",
            "Explanation",
            "Cost",
            "Rehearsal over HTTP",
        ]


def test_numbers_of_a_full_card(make_case: Callable[..., Any]) -> None:
    text = shown(make_case("binary"))
    for found in ("0.1 (0.05 to 0.2)", "it is no feature of the model", "90%", "0.999", "no time for SHAP", "12.3 s"):
        assert found in text
    assert "the same as in batch" in text


def test_a_rehearsal_that_went_wrong_or_never_was(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    wrong = Rehearsal(rows=9, wrong=2, largest=0.5, tolerance=1e-6, examples=["row 3: 0.5 expected, 0.1 came"])
    assert "2 differ" in shown(case, wrong)
    assert "row 3: 0.5 expected" in shown(case, wrong)
    never = Rehearsal(rows=0, wrong=0, largest=None, tolerance=1e-6, skipped="switched off")
    assert "Skipped: switched off." in shown(case, never)
