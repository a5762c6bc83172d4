from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pipelines.core import errors
from pipelines.core.errors import Issue, PayloadError, RatchetError

TREE = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, RatchetError)]
LEAVES = [one for one in TREE if one is not RatchetError]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"


def test_every_error_has_an_exit_code_of_its_own() -> None:
    codes = {one.__name__: one.exit_code for one in TREE}
    assert len(set(codes.values())) == len(codes)
    # 0 is success, 2 a wrong command line, 130 an interrupt; a shell keeps what is above 125 for itself.
    assert not set(codes.values()) & {0, 2}
    assert all(0 < code < 126 for code in codes.values())


def test_the_page_of_exit_codes_names_these_and_no_others() -> None:
    documented = {name: int(code) for code, name in re.findall(r"^\| (\d+) \| `(\w+)`", PAGE.read_text(), re.MULTILINE)}
    assert documented == {one.__name__: one.exit_code for one in LEAVES}


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_is_drawn_and_explained(error: type[RatchetError]) -> None:
    assert error.__base__ is RatchetError
    assert re.search(rf"[├└]── {error.__name__} ", errors.__doc__ or "")
    assert error.__doc__


@pytest.mark.parametrize("error", TREE)
def test_the_message_is_what_was_said(error: type[RatchetError]) -> None:
    with pytest.raises(RatchetError, match=r"^the file is gone$"):
        raise error("the file is gone")


def test_a_payload_error_carries_its_issues() -> None:
    issue = Issue(row=0, feature="size", message="a number is needed")
    error = PayloadError("1 value cannot be used", (issue,))
    assert (str(error), error.issues) == ("1 value cannot be used", (issue,))
    assert PayloadError("no rows").issues == ()
    with pytest.raises(FrozenInstanceError):
        issue.row = 1  # type: ignore[misc]
