"""Partitions: the slices that the search looks at, feature by feature and pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from pipelines.core.slicing import OTHERS, slice_codes

FEWEST_ROWS = 100
SMALLEST_SHARE = 0.02
MOST_TELLING = 4
MOST_OF_A_PAIR = 5

Partition = tuple[str, np.ndarray, list[str]]
"""A name (a feature, or two), each row's slice, (n,), -1 for none, and the slices' names."""


def fewest_rows(rows: int) -> int:
    """So many rows a slice needs to be looked at.

    >>> fewest_rows(1_000), fewest_rows(50_000)
    (100, 1000)
    """
    return max(FEWEST_ROWS, int(np.ceil(SMALLEST_SHARE * rows)))


def partitions(features: pd.DataFrame, champion: np.ndarray) -> tuple[list[Partition], list[Partition], list[str]]:
    """Each feature's slices, then the pairs of the most telling features; and the names of those.

    What is looked at depends on the features and the champion's answers, never on the candidate.

    >>> frame = pd.DataFrame({"a": ["x", "y"] * 150, "b": [1.0] * 300})
    >>> singles, pairs, telling = partitions(frame, np.arange(300.0))
    >>> [(name, names) for name, _, names in singles], pairs, telling
    ([('a', ['x', 'y'])], [], ['a'])
    """
    singles: list[Partition] = []
    fewest = fewest_rows(len(features))
    for name in features.columns:
        codes, names = slice_codes(features[name])
        singles.append((str(name), *_kept(codes, names, fewest)))
    singles = [one for one in singles if one[2]]
    strength = [_tells(champion, codes, len(names)) for _, codes, names in singles]
    first = sorted(range(len(singles)), key=lambda one: (-strength[one], singles[one][0]))[:MOST_TELLING]
    pairs = [_pair(singles[one], singles[other], fewest) for one, other in combinations(sorted(first), 2)]
    return singles, [one for one in pairs if one[2]], [singles[one][0] for one in first]


def _kept(codes: np.ndarray, names: list[str], fewest: int, most: int | None = None) -> tuple[np.ndarray, list[str]]:
    """The slices that are large enough, and not (nearly) everything, renumbered; the rest is -1."""
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    fit = [one for one in order if fewest <= counts[one] <= len(codes) - fewest and names[one] != OTHERS][:most]
    place = np.full(len(names) + 1, -1)
    place[fit] = np.arange(len(fit))
    return place[codes], [names[one] for one in fit]


def _tells(champion: np.ndarray, codes: np.ndarray, groups: int) -> float:
    """The share of the answers' variance that lies between the slices."""
    answers = champion[:, 1:] if champion.ndim == 2 else champion[:, None]
    centred = answers - answers.mean(axis=0)
    total = float((centred**2).sum())
    inside, rows = codes >= 0, np.bincount(codes[codes >= 0], minlength=groups)
    between = sum(
        (np.bincount(codes[inside], weights=one[inside], minlength=groups) ** 2 / rows).sum() for one in centred.T
    )
    return float(between) / total if total > 0 else 0.0


def _pair(one: Partition, other: Partition, fewest: int) -> Partition:
    """The slices that are one of the largest of each feature at the same time."""
    first, second = (_kept(codes, names, fewest, MOST_OF_A_PAIR) for _, codes, names in (one, other))
    width = len(second[1])
    codes = np.where((first[0] >= 0) & (second[0] >= 0), first[0] * width + second[0], -1)
    names = [f"{left} & {right}" for left in first[1] for right in second[1]]
    return (f"{one[0]} & {other[0]}", *_kept(codes, names, fewest))
