"""The Decision: what the gate found, check by check, and what becomes of the candidate."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.retraining import REGULAR

Outcome = Literal["promote", "keep", "not_enough_data"]
Path = Literal["first", "superior", "non_inferior"]


class Check(BaseModel):
    """One thing that the gate looked at: what was found, what was asked for, and what follows."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    value: float | None = None
    limit: float | None = None
    reason: str


class Change(BaseModel):
    """A reason to change models other than a better metric: an alarm that asked for the training, newer data that a
    regular training brought, a model that is cheaper to run, or what a person stated; `evidence` is kept in the
    ledger as it is.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["alarm", "newer", "cheaper", "stated"]
    text: str
    evidence: dict[str, Any] = {}

    def holds(self) -> bool:
        """Whether it says anything; what claims to be cheaper must show a figure that is at least halved.

        >>> Change(kind="stated", text="the law has changed").holds(), Change(kind="cheaper", text="small").holds()
        (True, False)
        """
        if self.kind != "cheaper":
            return bool(self.text.strip())
        return any(2 * ours <= theirs for ours, theirs in self.evidence.values())


class Decision(BaseModel):
    """What becomes of a candidate; `needed_labels` estimates how many more labels would settle it.

    `path`: by what right it was promoted; None where it was not.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    checks: list[Check]
    reasons: list[str]
    needed_labels: int | None = None
    path: Path | None = None
    change: Change | None = None


def cheaper(ours: Rehearsal | None, theirs: Rehearsal | None) -> Change | None:
    """The reason to change that lies in cost: median latency or size at least halved, neither of them grown.

    >>> small = Rehearsal(rows=9, wrong=0, largest=0, tolerance=0, latency_ms=2, size_mb=1)
    >>> large = small.model_copy(update={"size_mb": 5.0})
    >>> cheaper(small, large).text, cheaper(large, small)
    ('1 MB instead of 5', None)
    """
    if ours is None or theirs is None:
        return None
    texts, evidence = [], {}
    for field, unit in (("latency_ms", "ms"), ("size_mb", "MB")):
        one, other = getattr(ours, field), getattr(theirs, field)
        if one is None or other is None:
            continue
        if one > 1.2 * other:  # more than what two measurements of the same model differ by
            return None
        evidence[field] = [one, other]
        if 2 * one <= other:
            texts.append(f"{one:.3g} {unit} instead of {other:.3g}")
    return Change(kind="cheaper", text=", ".join(texts), evidence=evidence) if texts else None


def change_kind(triggers: Collection[str]) -> Literal["alarm", "newer"]:
    """The reason to change of a training that a policy asked for: trouble, or, where all was regular, newer data.

    >>> change_kind(["growth"]), change_kind(["growth", "performance"]), change_kind([])
    ('newer', 'alarm', 'alarm')
    """
    return "newer" if triggers and set(triggers) <= set(REGULAR) else "alarm"
