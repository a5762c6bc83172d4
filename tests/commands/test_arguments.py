from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from pipelines.commands.arguments import now, parse_moment


def test_moments_are_in_utc() -> None:
    assert parse_moment("2013-03-01T06:00:00Z") == datetime(2013, 3, 1, 6, tzinfo=UTC)
    assert parse_moment(" 2013-03-01 06:00-05:00 ") == datetime(2013, 3, 1, 11, tzinfo=UTC)
    assert now() - datetime.now(UTC) < timedelta(seconds=1)


@pytest.mark.parametrize("text", ["", "yesterday", "2013-02-30", "1"])
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no date"):
        parse_moment(text)
