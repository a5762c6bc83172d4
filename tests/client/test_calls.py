from __future__ import annotations

import pytest
from ratchet_client import Prediction, Retries
from ratchet_client.calls import DEFAULT_URL, Calls, as_labels


def test_arguments_come_before_the_environment_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATCHET_URL", raising=False)
    monkeypatch.delenv("RATCHET_API_KEY", raising=False)
    bare = Calls.configured(None, None, 3, 1000)
    assert (bare.url, bare.key) == (DEFAULT_URL, None)
    assert "Authorization" not in bare.headers
    monkeypatch.setenv("RATCHET_URL", "https://predictions.example/ratchet/")
    monkeypatch.setenv("RATCHET_API_KEY", "from-environment")
    told = Calls.configured(None, None, 3, 1000)
    assert (told.url, told.key, told.local) == ("https://predictions.example/ratchet", "from-environment", False)
    given = Calls.configured("http://[::1]:9", "given", Retries(most=0), 1)
    assert (given.url, given.key, given.local, given.retries.most) == ("http://[::1]:9", "given", True, 0)
    assert given.headers["Authorization"] == "Bearer given"
    assert "given" not in repr(given)  # a key has no place in logs


def test_at_least_one_row_goes_out_at_a_time() -> None:
    with pytest.raises(ValueError, match="max_rows is 0"):
        Calls.configured(None, None, 3, 0)


def test_labels_are_taken_in_every_shape() -> None:
    answered = Prediction("a", True, None, 1)
    one = [{"id": "a", "label": None}]
    assert list(as_labels("a", None)) == list(as_labels(answered, None)) == list(as_labels({"a": None})) == one
    assert list(as_labels([("a", None), {"id": "b", "label": 1, "known_at": "t"}, (answered, 2, "u")])) == [
        *one,
        {"id": "b", "label": 1, "known_at": "t"},
        {"id": "a", "label": 2, "known_at": "u"},
    ]


def test_a_label_that_is_missing_or_one_too_many_is_told() -> None:
    with pytest.raises(TypeError, match="a label is missing"):
        as_labels("a")
    with pytest.raises(TypeError, match="one label was given for several ids"):
        as_labels(["a", "b"], True)
