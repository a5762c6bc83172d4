"""The colours of plots: told apart by people who are colour-blind too (Okabe and Ito 2008)."""

from __future__ import annotations

CANDIDATE = "#0072B2"
CHAMPION = "#D55E00"
BASELINE = "#6B7280"
BAD = "#A6261D"
GRID = "#E3E7EC"
INK = "#1C2430"
SOFT = "#5A6675"
SERIES = (CANDIDATE, CHAMPION, "#009E73", "#CC79A7", "#8A6D00", "#56B4E9", "#7A3E9D", "#444C56")
"""Lines of several classes."""
