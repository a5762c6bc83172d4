"""Held-out rows with their answers beside them, whatever the rows' own columns are called."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.evaluation.reference_table import (
    has_answers,
    reference_labels,
    reference_scores,
    scores_by_name,
    with_answers,
)

SCORES = np.array([[0.75, 0.25], [0.1, 0.9]])
CLASSES = ["no", "yes"]
PREDICTED, CAME = np.array(["no", "yes"]), np.array(["yes", "yes"])


def test_features_named_as_answers_are_stay_what_they_are() -> None:
    rows = pd.DataFrame({"prediction": [1.5, 2.5], "label": ["u", "v"], "probability_yes": [7.0, 8.0]})
    made = with_answers(rows, PREDICTED, SCORES, CAME, CLASSES)
    pd.testing.assert_frame_equal(made[list(rows.columns)], rows)
    assert reference_labels(made).tolist() == ["yes", "yes"]
    np.testing.assert_array_equal(reference_scores(made, CLASSES), SCORES)
    assert scores_by_name(made).columns.tolist() == ["probability_no", "probability_yes"]
    assert scores_by_name(made)["probability_yes"].tolist() == [0.25, 0.9]


def test_a_value_has_one_column_of_scores() -> None:
    rows = pd.DataFrame({"probability_of_rain": [0.5, 0.6]})
    made = with_answers(rows, np.array([3.0, 4.0]), np.array([3.0, 4.0]), np.array([1.0, 2.0]), None)
    assert reference_scores(made, None).tolist() == [3.0, 4.0]
    assert scores_by_name(made).to_dict("list") == {"prediction": [3.0, 4.0]}


def test_tables_with_the_names_of_old_are_read() -> None:
    old = pd.DataFrame({"x": [1, 2], "prediction": PREDICTED, "label": CAME}).assign(
        probability_no=SCORES[:, 0], probability_yes=SCORES[:, 1]
    )
    assert has_answers(old, CLASSES)
    assert reference_labels(old).tolist() == ["yes", "yes"]
    np.testing.assert_array_equal(reference_scores(old, CLASSES), SCORES)
    new = with_answers(old[["x"]], PREDICTED, SCORES, CAME, CLASSES)
    pd.testing.assert_frame_equal(scores_by_name(old), scores_by_name(new))


def test_a_table_without_answers_says_so() -> None:
    assert not has_answers(pd.DataFrame({"x": [1]}), CLASSES)
    assert not has_answers(pd.DataFrame({"x": [1]}), None)
