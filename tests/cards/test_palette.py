from __future__ import annotations

import itertools

from pipelines.cards import palette


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_lines_can_be_seen_on_white_and_told_apart() -> None:
    named = (palette.CANDIDATE, palette.CHAMPION, palette.BASELINE, palette.BAD, palette.SOFT, palette.INK)
    assert all(1.05 / (_luminance(one) + 0.05) >= 3 for one in named)  # WCAG 1.4.11: graphical objects
    assert all(one != other for one, other in itertools.combinations(palette.SERIES, 2))
