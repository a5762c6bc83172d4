from __future__ import annotations

import pytest

from pipelines.core.evaluation.differences import AnswerDifference
from pipelines.core.evaluation.reproduction import Finding, Outcome, judge_reproduction, summary

EQUAL = AnswerDifference(rows=3, missing=0, differing=0, largest=0.0)
NEAR = AnswerDifference(rows=3, missing=0, differing=3, largest=1e-12)
FAR = AnswerDifference(rows=3, missing=0, differing=1, largest=0.2)
FEWER = AnswerDifference(rows=2, missing=1, differing=0, largest=0.0)


@pytest.mark.parametrize(
    ("made", "answers", "same_answers", "outcome"),
    [
        ("d1", EQUAL, True, "same"),
        ("d1", None, None, "same"),
        ("d1", EQUAL, None, "same"),
        ("d1", FAR, None, "differs"),  # the same model that answers otherwise: libraries score otherwise
        ("d1", FAR, True, "same"),  # the ledger's word counts, not that of a bundle that was replaced
        ("d1", NEAR, False, "same_predictions"),
        ("d2", EQUAL, None, "same_predictions"),
        ("d2", None, True, "same_predictions"),
        ("d2", NEAR, False, "same_predictions"),
        ("d2", FEWER, None, "differs"),
        ("d2", FAR, False, "differs"),
        ("d2", None, None, "differs"),
        (None, None, None, "failed"),
    ],
)
def test_the_verdict(
    made: str | None, answers: AnswerDifference | None, same_answers: bool | None, outcome: Outcome
) -> None:
    assert judge_reproduction("d1", made, answers, same_answers) == outcome


@pytest.mark.parametrize("outcome", ["same", "same_predictions", "differs", "failed"])
def test_the_sentence_names_the_parts_once(outcome: Outcome) -> None:
    findings = [Finding(part="code", told="a"), Finding(part="model", told="b"), Finding(part="code", told="c")]
    assert summary(outcome, findings, FAR).endswith("code, model")
