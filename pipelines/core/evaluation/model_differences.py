"""Where two fitted models part: the parts whose fitted values are not the same, by their place in the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.core.digest import NOT_FITTED, fitted_state, model_digest

_DEEPEST = 40


def model_differences(one: Any, other: Any, most: int = 20) -> list[str]:
    """What is not alike in two fitted pipelines, each with its place and size, at most `most` lines.

    Models of equal `model_digest` have none.

    >>> from sklearn.linear_model import Ridge
    >>> x = [[0.0], [1.0]]
    >>> model_differences(Ridge(alpha=1.0).fit(x, [0.0, 1.0]), Ridge(alpha=2.0).fit(x, [0.0, 1.0]))[0]
    'alpha: 1.0 -> 2.0'
    """
    found: list[str] = []
    for line in _walk(one, other, "", 0):
        if len(found) == most:
            return [*found, "and more"]
        found.append(line)
    return found


def _walk(one: Any, other: Any, place: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST or model_digest(one) == model_digest(other):
        return
    if type(one) is not type(other):
        yield f"{_named(place)}: {type(one).__name__} -> {type(other).__name__}"
    elif isinstance(one, np.ndarray):
        yield f"{_named(place)}: {_arrays(one, other)}"
    elif isinstance(one, dict):
        yield from _mappings(one, other, place, depth)
    elif isinstance(one, list | tuple):
        yield from _sequences(one, other, place, depth)
    elif isinstance(one, str):
        yield f"{_named(place)}: {_texts(one, other)}"
    elif isinstance(one, bool | int | float | complex | bytes | np.generic | set | frozenset | type):
        yield f"{_named(place)}: {_short(one)} -> {_short(other)}"
    else:
        yield from _walk(fitted_state(one), fitted_state(other), place, depth + 1)


def _mappings(one: dict[Any, Any], other: dict[Any, Any], place: str, depth: int) -> Iterator[str]:
    for key in sorted({*one, *other} - NOT_FITTED, key=str):
        inner = f"{place}.{key}" if place else str(key)
        if key not in one or key not in other:
            yield f"{inner}: only {'after' if key not in one else 'before'}"
        else:
            yield from _walk(one[key], other[key], inner, depth + 1)


def _sequences(one: Any, other: Any, place: str, depth: int) -> Iterator[str]:
    if len(one) != len(other):
        yield f"{_named(place)}: {len(one)} -> {len(other)} parts"
        return
    for position, (before, after) in enumerate(zip(one, other, strict=True)):
        yield from _walk(before, after, f"{place}[{position}]", depth + 1)


def _arrays(one: np.ndarray, other: np.ndarray) -> str:
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} of shape {one.shape} -> {other.dtype} of shape {other.shape}"
    if one.dtype.kind in "iufb":
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
        changed = apart != 0  # NaN on one side alone differs as well
        known = apart[np.isfinite(apart)]
        return f"{int(changed.sum())} of {one.size} values differ, by up to {known.max(initial=0.0):.3g}"
    return f"values of {one.size} differ"


def _texts(one: str, other: str) -> str:
    """A model kept as text (LightGBM's) by its trees, any other by its lines."""
    trees = [text.split("\nTree=")[1:] for text in (one, other)]
    if all(trees):
        if len(trees[0]) != len(trees[1]):
            return f"{len(trees[0])} -> {len(trees[1])} trees"
        differing = sum(before != after for before, after in zip(*trees, strict=True))
        return f"{differing} of {len(trees[0])} trees differ"
    if max(len(one), len(other)) <= 60:
        return f"{one!r} -> {other!r}"
    lines = sum(before != after for before, after in zip(one.splitlines(), other.splitlines(), strict=False))
    return f"a text of {len(one)} -> {len(other)} characters, {lines} lines differ"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _named(place: str) -> str:
    return place or "the model"
