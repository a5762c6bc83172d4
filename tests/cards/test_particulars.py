from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from pipelines.cards import particulars
from pipelines.cards.document import Cell, Facts, Listing, Section
from pipelines.cards.dossier import Dossier
from pipelines.core.problem import Problem


def dossier(case: Any, **facts: Any) -> Dossier:
    given = case.facts | facts
    return Dossier(given, case.problem, case.contract, case.card, case.decision, case.rehearsal, plots={})


def facts(section: Section) -> dict[str, Cell]:
    return {label: value for one in section.blocks if isinstance(one, Facts) for label, value in one.rows}


def test_nothing_is_made_up(make_case: Callable[..., Any]) -> None:
    bare = dossier(make_case("binary", full=False))
    assert facts(particulars.use_section(bare)) == {
        "Question that it answers": "",
        "Intended users": None,
        "Out of scope": None,
    }
    details = facts(particulars.details_section(bare))
    assert not details["Owner, and where to ask"]
    assert details["Asked for by"] is details["Licence"] is details["Learner"] is None
    lineage = facts(particulars.lineage_section(bare))
    assert lineage["Commit"] is lineage["Snapshot"] is lineage["Working tree"] is None


def test_what_was_stated_is_told(make_case: Callable[..., Any]) -> None:
    full = dossier(make_case("binary"), version=7, actor="Ada", request=3)
    details = facts(particulars.details_section(full))
    assert (details["Version"], details["Asked for by"]) == ("7", "Ada, request 3 in the ledger")
    assert "ratchet reproduce x@7" in str(particulars.lineage_section(full))
    assert facts(particulars.lineage_section(full))["Working tree"] == "clean"


def test_the_example_can_be_sent_as_it_is(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    listing = next(one for one in particulars.asking_section(dossier(case)).blocks if isinstance(one, Listing))
    body = json.loads(shlex.split(listing.text.replace("\\\n", " "))[-1])
    assert set(body["instances"][0]) == {one.name for one in case.contract.columns if one.asked}


def test_how_rows_are_held_out_follows_the_problem(make_case: Callable[..., Any]) -> None:
    case = make_case("binary", full=False)
    data = {"source": "x.csv", "target": "y", "time": "t"}
    timed = Problem.model_validate({"name": "x", "data": data, "split": {"test": 0.25, "groups": "g"}})
    given = Dossier({}, timed, case.contract, case.card, case.decision, None, {})
    judged, _ = particulars.data_sections(given)
    assert (
        facts(judged)["How they were chosen"] == "the newest rows, groups of g kept together, 25% of the labelled ones"
    )


def test_failed_checks_are_caveats(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    shown = str(particulars.caveats_section(dossier(case)))
    failed = [one.reason for one in case.decision.checks if not one.passed]
    assert failed
    assert all(repr(one)[1:-1] in shown for one in failed)


def test_the_other_sections(make_case: Callable[..., Any]) -> None:
    full = dossier(make_case("binary"))
    assert facts(particulars.factors_section(full))["Protected columns"] == "kind"
    assert facts(particulars.ethics_section(full))["Gaps between groups"] == "measured: see Fairness"
    assert facts(particulars.metrics_section(full))["Fairness limit"] == "measured, not judged"
