"""Numbers, spans, sizes and moments as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

_SHOWN = 4


class Spanned(Protocol):
    """A value with the ends of its interval, and why one of them is missing."""

    @property
    def low(self) -> float | None:
        """The lower end."""

    @property
    def high(self) -> float | None:
        """The upper end."""

    @property
    def reason(self) -> str | None:
        """Why something is missing."""


def number(value: float | None) -> str:
    """Four significant digits; thousands are set apart; a dash where there is none.

    >>> number(0.123456), number(12345678.0), number(3.0), number(None)
    ('0.1235', '12,345,678', '3', '–')
    """
    if value is None or value != value:
        return "–"
    if abs(value) < 1e-15:  # what is left of a difference of equal numbers
        return "0"
    if abs(value) >= 10**_SHOWN and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.{_SHOWN}g}"


def percent(share: float | None) -> str:
    """A share as per cent.

    >>> percent(0.1234), percent(0.05), percent(None)
    ('12.3%', '5%', '–')
    """
    return "–" if share is None or share != share else f"{share * 100:.1f}".removesuffix(".0") + "%"


def level(confidence: float) -> str:
    """A confidence without digits that say nothing.

    >>> level(0.95), level(0.999)
    ('95%', '99.9%')
    """
    return f"{confidence * 100:.6g}%"


def interval(found: Spanned | None) -> str:
    """The ends, or why there are none."""
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return found.reason or "–"
    return f"{number(found.low)} to {number(found.high)}"


def ends(low: float | None, high: float | None) -> str:
    """Two ends of an interval, or a dash.

    >>> ends(0.1, 0.25), ends(None, 1)
    ('0.1 to 0.25', '–')
    """
    return "–" if low is None or high is None else f"{number(low)} to {number(high)}"


def spanned(value: float | None, found: Spanned, signed: bool = False) -> str:
    """A value with its interval; where the value is missing, why."""
    if value is None:
        return found.reason or "–"
    shown = f"+{number(value)}" if signed and value > 0 else number(value)
    return shown if found.low is None or found.high is None else f"{shown} ({interval(found)})"


def megabytes(size: float | None) -> str:
    """Bytes as kB or MB.

    >>> megabytes(1_500_000), megabytes(2_300)
    ('1.5 MB', '2.3 kB')
    """
    if size is None:
        return "–"
    return f"{size / 1e6:.4g} MB" if size >= 1e6 else f"{size / 1e3:.4g} kB"


def seconds(duration: float | None) -> str:
    """A duration in ms, s or minutes.

    >>> seconds(0.0123), seconds(3.456), seconds(600)
    ('12.3 ms', '3.46 s', '10 min')
    """
    if duration is None:
        return "–"
    if duration < 1:
        return f"{duration * 1000:.3g} ms"
    return f"{duration:.3g} s" if duration < 120 else f"{duration / 60:.3g} min"


def moment(value: datetime | str | None) -> str | None:
    """A moment to the minute, in UTC; a text that is none stays as it is.

    >>> moment("2013-03-01T00:00:00+00:00")
    '2013-03-01 00:00 UTC'
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    return None if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def shortened(text: object, most: int = 28) -> str:
    """At most so many characters.

    >>> shortened("a long name", 7)
    'a long…'
    """
    shown = " ".join(str(text).split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def listed(names: Any, most: int = 50) -> str | None:
    """Names in a row, the first `most` of them; None where there are none."""
    shown = [str(one) for one in names]
    if not shown:
        return None
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
