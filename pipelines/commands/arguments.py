"""The arguments and options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer


def parse_moment(text: str) -> datetime:
    """A date or a moment in ISO 8601, in UTC; one without a zone is taken for UTC.

    >>> parse_moment("2013-03-01")
    datetime.datetime(2013, 3, 1, 0, 0, tzinfo=datetime.timezone.utc)
    >>> parse_moment("2013-03-01T02:00+02:00").isoformat()
    '2013-03-01T00:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date: write 2013-03-01 or 2013-03-01T06:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def now() -> datetime:
    """The clock: commands are where it is read; everything below is handed the moment."""
    return datetime.now(UTC)


ProblemName = Annotated[
    str, typer.Argument(metavar="PROBLEM", help="Name of a shipped or known problem, or path of a problem file.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", parser=parse_moment, metavar="WHEN", help="Know only what was known then [default: now]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]
