from __future__ import annotations

from datetime import UTC, datetime

from pipelines.cards import wording
from pipelines.core.metrics import Metric


def test_what_is_missing_says_why() -> None:
    gone = Metric(value=None, reason="only one class among the labels")
    assert wording.spanned(gone.value, gone) == gone.reason
    assert wording.interval(gone) == gone.reason
    assert wording.interval(None) == "–"
    assert wording.spanned(0.2, Metric(value=0.2)) == "0.2"


def test_a_gain_has_its_sign() -> None:
    gain = Metric(value=0.25, low=-0.1, high=0.5)
    assert wording.spanned(gain.value, gain, signed=True) == "+0.25 (-0.1 to 0.5)"


def test_numbers_of_every_size() -> None:
    shown = [wording.number(one) for one in (0.0, 1e-18, 1e-6, 99999.4, -123456, 1e20, float("nan"), float("inf"))]
    assert shown == ["0", "0", "1e-06", "99,999", "-123,456", "1e+20", "–", "inf"]


def test_moments_and_texts_that_are_none() -> None:
    assert wording.moment(datetime(2024, 1, 2, 3, 4, tzinfo=UTC)) == "2024-01-02 03:04 UTC"
    assert wording.moment("soon") == "soon"
    assert wording.moment(None) is None
    assert wording.listed([]) is None
    assert wording.listed("abc", 2) == "a, b and 1 more"
