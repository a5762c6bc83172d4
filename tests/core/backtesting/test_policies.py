from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.core.backtesting.policies import Policy, chosen_policies, default_policies
from pipelines.core.errors import ProblemError
from pipelines.core.problem import Monitoring, Problem, Retraining


def _problem(**retraining: object) -> Problem:
    return Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}, "retraining": retraining})


def test_ones_own_is_left_out_where_it_is_one_of_the_others() -> None:
    names = [one.name for one in default_policies(_problem(on=["performance"], growth=None))]
    assert names == ["never", "calendar", "drift", "performance"]
    assert default_policies(_problem(on=["performance"], growth=0.5))[-1].name == "yours"


def test_a_policy_that_is_switched_off_or_only_rehearsed_is_replayed_as_if_it_acted() -> None:
    own = default_policies(_problem(enabled=False, dry_run=True, growth=0.5))[-1]
    assert (own.retraining.enabled, own.retraining.dry_run) == (True, False)


def test_the_calendar_is_hindered_by_nothing() -> None:
    calendar = default_policies(_problem(budget=1, cooldown="8w", min_new_labels=10**6))[1].retraining
    assert calendar.every == timedelta(weeks=4)
    assert calendar.on == []
    assert calendar.budget > 1000
    assert calendar.min_new_labels == 0


def test_every_default_policy_would_be_accepted_in_a_problem_file() -> None:
    for policy in default_policies(_problem(growth=0.5)):
        assert Retraining.model_validate(policy.retraining.model_dump(mode="json")) == policy.retraining


def test_a_policy_may_judge_otherwise() -> None:
    watch = Monitoring(min_rows=10)
    problem = _problem()
    assert Policy("x", Retraining(), watch).applied(problem).monitoring == watch
    assert Policy("x", Retraining()).applied(problem).monitoring == problem.monitoring


def test_names_are_different() -> None:
    with pytest.raises(ProblemError, match="two policies are called 'mine'"):
        chosen_policies(_problem(), [Policy("mine", Retraining()), Policy("mine", Retraining(growth=1))])


def test_some_of_them_alone() -> None:
    assert [one.name for one in chosen_policies(_problem(), (), ["calendar", "never"])] == ["never", "calendar"]
    with pytest.raises(ProblemError, match="no policy is called 'always': there are never, calendar"):
        chosen_policies(_problem(), (), ["always"])
