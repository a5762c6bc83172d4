from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.evaluation.evidence import Evidence


def test_every_part_follows_the_chosen_rows() -> None:
    numbers = np.arange(4.0)
    whole = Evidence(
        ids=np.array(list("abcd")),
        y=numbers,
        candidate=np.column_stack([numbers, numbers]),
        baseline=numbers,
        champion=numbers,
        clusters=numbers,
        slices={"place": np.array(list("wxyz"), dtype=object)},
        features=pd.DataFrame({"x": numbers}),
    )
    part = whole.rows(np.array([2, 0]))
    assert part.ids.tolist() == ["c", "a"]
    assert part.candidate.shape == (2, 2)
    assert part.slices["place"].tolist() == ["y", "w"]
    for one in (part.y, part.baseline, part.champion, part.clusters):
        assert one is not None
        assert one.tolist() == [2.0, 0.0]
    assert part.features is not None
    assert part.features["x"].tolist() == [2.0, 0.0]
    bare = Evidence(whole.ids, numbers, numbers, numbers).rows(np.array([1]))
    assert (bare.champion, bare.clusters, bare.features, bare.slices) == (None, None, None, {})
