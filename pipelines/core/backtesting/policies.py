"""The policies that a backtest compares: four that everybody has, the problem's own, and those that a person gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pipelines.core.errors import ProblemError
from pipelines.core.problem import Monitoring, Problem, Retraining

OWN = "yours"
FOUR_WEEKS = timedelta(weeks=4)
_NO_LIMIT = 10_000


@dataclass(frozen=True)
class Policy:
    """When to train again, under a name; `monitoring` where the windows are judged otherwise than the problem says."""

    name: str
    retraining: Retraining
    monitoring: Monitoring | None = None

    def applied(self, problem: Problem) -> Problem:
        """The problem as this policy would have it."""
        changes = {"retraining": self.retraining, "monitoring": self.monitoring or problem.monitoring}
        return problem.model_copy(update=changes)


def default_policies(problem: Problem) -> list[Policy]:
    """Never, every four weeks, on drift, on performance, and the problem's own where it is none of these.

    >>> problem = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})
    >>> [one.name for one in default_policies(problem)]
    ['never', 'calendar', 'drift', 'performance', 'yours']
    """
    own = problem.retraining.model_copy(update={"enabled": True, "dry_run": False})
    by_itself = {"every": None, "growth": None, "schedule": None}
    nothing = own.model_copy(update={**by_itself, "on": []})
    unhindered = {
        "every": FOUR_WEEKS,
        "cooldown": timedelta(0),
        "min_new_labels": 0,
        "budget": _NO_LIMIT,
        "max_rejections": _NO_LIMIT,
    }
    found = [
        Policy("never", nothing),
        Policy("calendar", nothing.model_copy(update=unhindered)),
        Policy("drift", own.model_copy(update={**by_itself, "on": ["data", "prediction"]})),
        Policy("performance", own.model_copy(update={**by_itself, "on": ["performance"]})),
    ]
    if all(one.retraining != own for one in found):
        found.append(Policy(OWN, own))
    return found


def chosen_policies(problem: Problem, given: Sequence[Policy] = (), only: Sequence[str] = ()) -> list[Policy]:
    """The default policies and those given after them, or `only` those so called.

    ProblemError when two have one name, or a name is none of theirs.

    >>> problem = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})
    >>> chosen_policies(problem, [Policy("never", Retraining())])
    Traceback (most recent call last):
    ...
    pipelines.core.errors.ProblemError: two policies are called 'never': give the policy file another `name`
    """
    policies = [*default_policies(problem), *given]
    names = [one.name for one in policies]
    for name in names:
        if names.count(name) > 1:
            raise ProblemError(f"two policies are called {name!r}: give the policy file another `name`")
    for name in only:
        if name not in names:
            raise ProblemError(f"no policy is called {name!r}: there are {', '.join(names)}")
    return [one for one in policies if not only or one.name in only]
