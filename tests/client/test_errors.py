from __future__ import annotations

import pickle

from ratchet_client import errors


def test_every_error_is_of_one_tree() -> None:
    found = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)}
    assert all(issubclass(one, errors.RatchetClientError) for one in found)
    drawn = errors.__doc__ or ""
    assert all(one.__name__ in drawn for one in found)


def test_errors_travel_between_processes() -> None:
    error = errors.InvalidRows(
        "wrong", issues=[errors.Issue(1, "a", "no number")], status=422, kind="k", request_id="q"
    )
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(back), back.issues, back.status, back.kind, back.request_id) == ("wrong", error.issues, 422, "k", "q")
