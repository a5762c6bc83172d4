from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.cards.document import Code
from pipelines.cards.dossier import Dossier, plot_path
from pipelines.cards.plots import Plot


def test_a_fact_that_is_missing_is_none(make_case: Callable[..., Any]) -> None:
    case = make_case("binary", full=False)
    facts = {"rows": 1234, "actor": "", "run_id": "r1", "labels": "many"}
    plots = {"roc": Plot("ROC", "caption", "<svg/>")}
    dossier = Dossier(facts, case.problem, case.contract, case.card, case.decision, None, plots)
    assert (dossier.stated("actor"), dossier.stated("nothing"), dossier.stated("run_id")) == (None, None, "r1")
    assert (dossier.count("rows"), dossier.count("labels")) == ("1,234", None)
    assert dossier.code("run_id") == Code("r1")
    (pictures,) = dossier.pictures("roc", "slices")
    assert [one.path for one in pictures.items] == [plot_path("roc")]
    assert dossier.pictures("slices") == []
