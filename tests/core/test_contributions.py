from __future__ import annotations

import numpy as np
import pytest

from pipelines.core.compilation.contributions import linked, to_sources


def test_answers_seen_through_each_link() -> None:
    two, three = np.array([[0.25, 0.75]]), np.array([[0.2, 0.3, 0.5]])
    assert linked(np.array([7.0]), "identity").tolist() == [[7.0]]
    assert linked(two, "identity").tolist() == [[0.75]]
    assert linked(three, "identity").tolist() == three.tolist()
    assert linked(two, "logit")[0, 0] == pytest.approx(np.log(3))
    np.testing.assert_allclose(np.exp(linked(three, "softmax")), three)
    assert np.isfinite(linked(np.array([[0.0, 1.0]]), "logit")).all()


def test_encoded_columns_go_back_to_what_they_were_made_of() -> None:
    values = np.arange(8.0).reshape(1, 4, 2)
    found = to_sources(values, ["a", "b", "a", "b"], ("b", "none", "a"))
    assert found.tolist() == [[[8.0, 10.0], [0.0, 0.0], [4.0, 6.0]]]
