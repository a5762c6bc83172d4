from __future__ import annotations

import numpy as np

from benchmarks.decisions.campaign import asked, campaign
from benchmarks.decisions.duels import Tally, fight, problem_for
from benchmarks.decisions.floors import coverages, floors
from benchmarks.decisions.questions import question
from benchmarks.decisions.report import as_json, page, text
from benchmarks.decisions.rivals import RIVALS, rivals_promote
from benchmarks.decisions.shapes import SHAPES, Shape
from benchmarks.machine import machine

SMALL = Shape(300, 0.5, None)


def test_every_duel_is_decided_and_every_rule_is_asked() -> None:
    found = fight(SMALL, question(SMALL, "gain", "log_loss"), range(6)).counts
    assert found["duels"] == 6
    assert found["promote"] + found["keep"] + found["not_enough_data"] == 6
    assert found["promote for a reason"] >= found["promote"]
    assert found[">="] >= found["mlflow 1%"] >= found["mlflow 5%"]
    assert found["told gain in log_loss"] == 6
    assert found["hit roc_auc"] + found["above roc_auc"] + found["below roc_auc"] == 6


def test_the_gate_is_asked_with_its_defaults() -> None:
    hidden = problem_for(question(SMALL, "hidden", "log_loss")).good_enough
    assert hidden.slices == []
    assert hidden.search_slices
    assert problem_for(question(SMALL, "hurt", "roc_auc")).good_enough.slices == ["region"]


def test_what_the_rows_show_is_kept_for_the_bound_of_any_test() -> None:
    gains = fight(SMALL, question(SMALL, "gain", "roc_auc"), range(8)).seen
    assert gains.count == 8
    assert gains.total > 0
    lost = fight(Shape(1_000, 0.5, None), question(SMALL, "hurt", "log_loss"), range(4)).seen
    assert lost.total > 0  # a loss counts as one
    bound = gains.bound(0.05)
    assert bound is not None
    assert 0.05 < bound < 1


def test_a_tie_is_promoted_by_the_usual_rule_alone() -> None:
    assert rivals_promote("log_loss", {"log_loss": 0.5}, {"log_loss": 0.5}) == dict(
        zip(RIVALS, (True, False, False), strict=True)
    )


def test_chunks_of_several_processes_add_up_to_the_same() -> None:
    shape, one = asked(quick=True)[0]
    assert shape in SHAPES
    alone = fight(shape, one, range(2))
    split = fight(shape, one, range(1)) + fight(shape, one, range(1, 2))
    assert split.counts == +alone.counts
    assert split.seen == alone.seen
    assert campaign(0, 1) is not None


def test_the_page_says_what_was_met_and_what_was_not() -> None:
    shape = Shape(5_000, 0.5, None)
    about = {**machine(["numpy", "mlflow"]), "duels": 100, "seconds": 90}
    tallies = [
        _tally(shape, "equal", {"promote": 3, "told roc_auc": 100, "hit roc_auc": 90}),
        _tally(shape, "gain", {"promote": 70}),
        _tally(shape, "worse", {}),
    ]
    verdicts = {(one.promise, one.met) for one in floors(tallies)}
    assert ("no better, promoted", True) in verdicts
    assert ("better by 0.02 of AUC everywhere, promoted", False) in verdicts
    assert [one.share for one in coverages(tallies)] == [0.9]
    shown = page(about, tallies)
    assert (
        "| no better, promoted | 50% positive, independent, 5,000 labels | log_loss | at most 5 % | 3.0% |  | met |"
        in shown
    )
    assert "**not met**" in shown
    assert "**90.0%**" in shown
    assert "**" not in text(tallies)
    assert len(as_json(about, tallies)["floors"]) == 4
    assert np.isclose(as_json(about, tallies)["coverage"][0]["share"], 0.9)


def _tally(shape: Shape, kind: str, counts: dict[str, int]) -> Tally:
    made = fight(shape, question(shape, kind, "log_loss"), range(0))
    made.counts.update({"duels": 100, **counts})
    return made
