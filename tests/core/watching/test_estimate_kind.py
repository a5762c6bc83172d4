from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from pipelines.core.drift import Level
from pipelines.core.watching.estimate_kind import judge_estimate
from pipelines.core.watching.label_book import Findings, open_book
from pipelines.core.watching.observed import Observed, observe


def judge(
    one: Any, now: Observed, past: list[Observed], before: dict[str, Level] | None = None, calm: bool = False
) -> Findings:
    book = open_book(one.problem.monitoring, one.side, now, past)
    return judge_estimate(book, one.side, now, before or {}, 50, calm)


def unsure(one: Any, window: int, share: float = 0.2) -> Observed:
    """A window without labels whose answers are less sure than the reference's."""
    view = one.view(window, labelled=0.0)
    likely = expit(share * np.log(view.sample.scores[:, 1] / view.sample.scores[:, 0]))
    return observe(one.side, replace(view, sample=replace(view.sample, scores=np.column_stack([1 - likely, likely]))))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_usual_answers_foretell_the_usual_loss(task: str, world: Any) -> None:
    one = world(task)
    found = judge(one, observe(one.side, one.view(5, labelled=0.0)), one.windows(5))
    assert found.verdict.level == "healthy"
    assert found.numbers["estimated loss"] == pytest.approx(one.side.losses[one.side.metric], rel=0.1)


def test_answers_that_are_unsure_warn_and_never_alarm(world: Any) -> None:
    one = world()
    found = judge(one, unsure(one, 5), one.windows(5))
    assert found.verdict.level == "warning"
    assert "right in 5 of 5 windows" in found.verdict.reasons[0]


def test_an_estimate_that_was_wrong_says_so_and_is_not_used(world: Any, truths: Any) -> None:
    one = world()
    found = judge(one, unsure(one, 5), one.windows(5, truths["useless"], 1))
    assert found.verdict.level == "unknown"
    assert "in 4 of 5 windows with labels: not used" in found.verdict.reasons[0]


def test_a_warning_ends_only_below_the_limit(world: Any) -> None:
    one = world()
    levels = {}
    for before in ("healthy", "warning"):
        found = [
            judge(one, unsure(one, 5, share), one.windows(5), {"estimate": before}) for share in (1, 0.75, 0.6, 0.2)
        ]
        levels[before] = [each.verdict.level for each in found]
    assert levels["healthy"].count("warning") < levels["warning"].count("warning") < 4, levels


def test_no_answer_foretells_nothing(world: Any) -> None:
    one = world()
    found = judge(one, observe(one.side, one.view(5, version=2)), [])
    assert (found.verdict.level, found.numbers) == ("unknown", {})


def test_once_labels_show_no_harm_harder_rows_are_no_matter(world: Any) -> None:
    one = world()
    harder = [
        replace(unsure(one, at), blocks=tuple(replace(block, labels=200) for block in unsure(one, at).blocks))
        for at in (5, 6)
    ]
    found = judge(one, unsure(one, 7), [*one.windows(5), *harder], calm=True)
    assert found.verdict.level == "healthy"
    assert "labels of such windows show no harm" in found.verdict.reasons[0]
    assert judge(one, unsure(one, 7), [*one.windows(5), *harder], calm=False).verdict.level == "warning"
