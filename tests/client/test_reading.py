from __future__ import annotations

from datetime import UTC, datetime

from ratchet_client.reading import (
    read_explanations,
    read_logged,
    read_model,
    read_models,
    read_moment,
    read_predictions,
    read_receipt,
)

MODEL = {"problem": "p", "version": 3, "run_id": "r"}


def test_a_row_of_a_canary_names_its_own_release() -> None:
    rows = [{"id": "a", "prediction": 1.5}, {"id": "b", "prediction": 2.5, "model": {**MODEL, "version": 4}}]
    answers = read_predictions({"predictions": rows, "model": MODEL})
    assert [one.version for one in answers] == [3, 4]
    assert answers.model.version == 3
    assert answers[0].probabilities is None


def test_a_receipt_counts_its_rows_over_the_whole_call() -> None:
    receipt = read_receipt({"accepted": ["a"], "rejected": [{"row": 2, "id": None, "reason": "why"}]}, start=10)
    assert receipt.accepted == ("a",)
    assert (receipt.rejected[0].row, receipt.rejected[0].reason) == (12, "why")


def test_a_model_that_does_not_serve_yet_has_gaps() -> None:
    about = {"problem": "p", "status": "none", "version": None, "run_id": None, "champion": None}
    model = read_model(about)
    assert (model.version, model.history_as_of, model.task) == (None, None, None)
    assert model.raw is about
    assert read_models({"models": [about]}) == [model]


def test_moments_are_read_in_every_form_of_the_service() -> None:
    expected = datetime(2013, 3, 1, tzinfo=UTC)
    assert read_moment("2013-03-01T00:00:00Z") == read_moment("2013-03-01T00:00:00+00:00") == expected
    assert read_model({**MODEL, "status": "serving", "history_as_of": "2013-03-01T00:00:00Z"}).history_as_of == expected


def test_a_logged_answer_has_its_labels() -> None:
    content = {"id": "a", **MODEL, "prediction": "x", "at": "2013-03-01T00:00:00Z", "labels": [{"label": "y"}]}
    assert read_logged(content).labels == ("y",)


def test_an_explanation_is_an_answer_with_its_reasons() -> None:
    told = {"id": "a", "prediction": True, "base": -1.2, "contributions": {"n": 0.5}, "link": "logit"}
    (one,) = read_explanations({"explanations": [told], "model": MODEL, "method": "tree SHAP"})
    assert (one.id, one.prediction, one.version) == ("a", True, 3)
    assert (one.base, one.contributions, one.link) == (-1.2, {"n": 0.5}, "logit")
