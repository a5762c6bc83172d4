"""From the JSON of an answer to values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ratchet_client.answers import Explanation, Logged, Model, ModelName, Prediction, Predictions, Receipt, Rejected


def read_predictions(content: Any) -> Predictions:
    """The answers to one request."""
    model = _model_name(content["model"])
    return Predictions(tuple(Prediction(**_prediction(one, model)) for one in content["predictions"]), model)


def read_explanations(content: Any) -> list[Explanation]:
    """The answers to one request with what led to them."""
    model = _model_name(content["model"])
    return [
        Explanation(**_prediction(one, model), base=one["base"], contributions=one["contributions"], link=one["link"])
        for one in content["explanations"]
    ]


def read_receipt(content: Any, start: int = 0) -> Receipt:
    """What became of the labels of one request, its first being label `start` of the call."""
    rejected = [Rejected(one["row"] + start, one["id"], one["reason"]) for one in content.get("rejected", ())]
    return Receipt(tuple(content["accepted"]), tuple(rejected))


def read_model(content: Any) -> Model:
    """One problem and what answers for it."""
    history = content.get("history_as_of")
    return Model(
        problem=content["problem"],
        status=content["status"],
        version=content.get("version"),
        run_id=content.get("run_id"),
        task=content.get("task"),
        question=content.get("question"),
        history_as_of=None if history is None else read_moment(history),
        raw=content,
    )


def read_models(content: Any) -> list[Model]:
    """Every problem."""
    return [read_model(one) for one in content["models"]]


def read_logged(content: Any) -> Logged:
    """One answer as the log has it."""
    return Logged(
        id=content["id"],
        problem=content["problem"],
        version=content["version"],
        prediction=content["prediction"],
        probabilities=content.get("probabilities"),
        at=read_moment(content["at"]),
        labels=tuple(one["label"] for one in content.get("labels", ())),
        raw=content,
    )


def read_moment(text: str) -> datetime:
    """A moment of the service.

    >>> read_moment("2013-03-01T00:00:00Z").isoformat()
    '2013-03-01T00:00:00+00:00'
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know the Z


def _model_name(content: Any) -> ModelName:
    return ModelName(str(content["problem"]), int(content["version"]), str(content["run_id"]))


def _prediction(row: Any, model: ModelName) -> dict[str, Any]:
    """A row that another release answered than the rest names it itself."""
    version = int(row["model"]["version"]) if "model" in row else model.version
    return {
        "id": row["id"],
        "prediction": row["prediction"],
        "probabilities": row.get("probabilities"),
        "version": version,
    }
