from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.coded import Coded
from pipelines.core.compilation.compiled_blocks import Categories, Numbers, make_blocks
from pipelines.core.transformers import RawNumbers, ScaledNumbers

CITY = {
    "kind": "categories",
    "column": "city",
    "categories": ["a", "b"],
    "values": [[1.0, 0.0], [0.0, 1.0]],
    "missing": [0.5, 0.5],
    "unknown": [0.0, 0.0],
}


def test_a_category_a_missing_one_and_one_never_seen() -> None:
    block = Categories(CITY)
    expected = [[1.0, 0.0], [0.5, 0.5], [0.0, 0.0], [0.5, 0.5]]
    values: list[Any] = ["a", None, "zzz", np.nan]
    assert block.encode({"city": values}, 4).tolist() == expected
    assert block.encode({"city": np.array(values, dtype=object)}, 4).tolist() == expected
    coded = Coded.of(["a", None, "zzz", None])
    assert block.encode({"city": coded}, 4).tolist() == expected
    assert block.folded({"city": ["b"]}, 1, np.array([[2.0], [3.0]])).tolist() == [[[3.0]]]


@pytest.mark.parametrize("scaled", [False, True])
def test_numbers_are_those_of_the_transformer(scaled: bool) -> None:
    source = np.random.default_rng(0)
    table = source.normal(size=(40, 3)) * [1, 1e6, 1]
    table[::5, 0] = np.nan
    table[:, 2] = np.nan
    fitted: Any = (ScaledNumbers() if scaled else RawNumbers()).fit(table)
    part: dict[str, Any] = {"kind": "numbers", "columns": ["a", "b", "c"]}
    if scaled:
        part |= {name: getattr(fitted, f"{name}_").tolist() for name in ("fill", "low", "high", "mean", "scale")}
        part["flagged"] = fitted.flagged_.tolist()
    else:
        part["empty"] = np.flatnonzero(fitted.empty_).tolist()
    block = Numbers(part)
    asked = np.vstack([table, [[1e300, -1e300, 1.0], [-0.0, 0.0, np.nan]]])
    columns = {name: asked[:, position].tolist() for position, name in enumerate("abc")}
    np.testing.assert_array_equal(block.encode(columns, len(asked)), fitted.transform(asked))
    weights = source.normal(size=(block.width, 2))
    terms = block.folded(columns, len(asked), weights)
    np.testing.assert_allclose(terms.sum(axis=0), block.encode(columns, len(asked)) @ weights, atol=1e-9, rtol=1e-12)
    assert block.owners == ("a", "b", "c", "a") if scaled else ("a", "b", "c")
    assert not block.plain


def test_dates_come_as_lists_or_arrays() -> None:
    block = Numbers({"columns": ["at"], "cyclic": False, "empty": []})
    moments = pd.to_datetime(["2024-02-29 23:59:59.999999", None]).to_numpy()
    expected = [2024.0, 2.0, 3.0, 60.0, 23.0]
    for form in (moments, list(moments.astype("M8[us]"))):
        found = block.encode({"at": form}, 2)
        assert found[0].tolist() == expected
        assert np.isnan(found[1]).all()


@pytest.mark.parametrize(
    "part",
    [
        {"kind": "magic"},
        {"kind": "numbers", "columns": ["a"]},
        {"kind": "numbers", "columns": ["a"], "empty": [3]},
        {**CITY, "values": [[1.0, 0.0]]},
        {**CITY, "missing": [1.0]},
        {"kind": "words", "column": "t", "size": 8, "used": [1], "rarity": [], "topics": None},
        {"kind": "words", "column": "t", "size": 8, "used": [1], "rarity": [1.0], "topics": [[1.0, 2.0]]},
    ],
)
def test_a_part_that_does_not_fit_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        make_blocks([part])
