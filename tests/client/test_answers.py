from __future__ import annotations

from ratchet_client import ModelName, Prediction, Predictions


def test_predictions_are_a_sequence_that_knows_its_model() -> None:
    model = ModelName("p", 3, "r")
    rows = tuple(Prediction(f"i{number}", number % 2 == 0, None, 3) for number in range(3))
    answers = Predictions(rows, model)
    assert list(answers) == list(rows)
    assert (len(answers), answers[0], answers[-1], answers[1:]) == (3, rows[0], rows[2], rows[1:])
    assert answers.ids == ["i0", "i1", "i2"]
    assert answers.values == [True, False, True]
    assert answers.model.version == 3
