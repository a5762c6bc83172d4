"""A refusal is an error that knows its status."""

from __future__ import annotations

from pipelines.core.errors import RatchetError
from services.prediction.refusals import Refusal


def test_a_refusal_carries_what_the_answer_needs() -> None:
    refusal = Refusal(405, "wrong-method", "Method not allowed", "try POST", headers=(("allow", "POST"),))
    assert isinstance(refusal, RatchetError)
    assert (refusal.status, refusal.kind, str(refusal), refusal.headers) == (
        *(405, "wrong-method", "try POST"),
        (("allow", "POST"),),
    )
