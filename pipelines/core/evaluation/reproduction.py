"""What came of making a release again: the verdict, and everything that is not as it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipelines.core.evaluation.differences import AnswerDifference

Outcome = Literal["same", "same_predictions", "differs", "failed"]
# fmt: off
Part = Literal[
    "snapshot", "problem", "contract", "code", "libraries", "prepared", "features", "search", "parameters", "model",
    "bundle", "predictions", "metrics", "run",
]
# fmt: on
"""Where a difference lies, in the order in which a release is made: the first one mostly explains those after it."""
SAME_ANSWER = 1e-9
"""Scores that are no further apart than this are the same answer."""


class Finding(BaseModel):
    """One thing that is not as it was recorded; `details` are single changes."""

    model_config = ConfigDict(frozen=True)

    part: Part
    told: str
    details: list[str] = []


def judge_reproduction(
    recorded: str, made: str | None, answers: AnswerDifference | None, same_answers: bool | None
) -> Outcome:
    """The verdict from the model's digest as recorded and as made anew, and from the answers to held-out rows.

    `answers`: beside the release's own answers, None where those are gone; `same_answers`: whether the digest of the
    answers is the recorded one, None where none is recorded. A model of the same digest that answers otherwise differs.

    >>> judge_reproduction("d1", "d1", None, True), judge_reproduction("d1", "d2", None, None)
    ('same', 'differs')
    >>> near = AnswerDifference(rows=9, missing=0, differing=9, largest=1e-12)
    >>> judge_reproduction("d1", "d2", near, False), judge_reproduction("d1", None, None, None)
    ('same_predictions', 'failed')
    """
    if made is None:
        return "failed"
    alike = same_answers if same_answers is not None or answers is None else answers.same
    if made == recorded and alike is not False:
        return "same"
    return "same_predictions" if alike or (answers is not None and answers.near(SAME_ANSWER)) else "differs"


def summary(outcome: Outcome, findings: Sequence[Finding], answers: AnswerDifference | None) -> str:
    """The verdict as a sentence.

    >>> summary("same", [], None)
    'the same model, bit for bit'
    >>> summary("differs", [Finding(part="code", told="other code")], None)
    'another model; what differs: code'
    """
    parts = ", ".join(dict.fromkeys(one.part for one in findings))
    apart = "" if answers is None or answers.largest is None else f" (largest difference {answers.largest:.3g})"
    if outcome == "same":
        return "the same model, bit for bit" + (f", although not all is as recorded: {parts}" if parts else "")
    if outcome == "same_predictions":
        return f"another model that answers every held-out row alike{apart}; what differs: {parts}"
    if outcome == "failed":
        return f"it could not be made again; what differs: {parts}"
    return f"another model{apart}; what differs: {parts}"
