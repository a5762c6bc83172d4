"""A door is given the request and gives back the answer."""

from __future__ import annotations

from services.prediction.doors import Asked, Reply


def test_an_answer_is_json_unless_it_says_otherwise() -> None:
    assert (Reply(b"{}").media, Reply(b"").status, Reply(b"").headers) == ("application/json", 200, ())


def test_a_request_names_no_version_unless_its_path_does() -> None:
    assert Asked("flights", b"").version is None
