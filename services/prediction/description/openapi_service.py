"""The description of what tells how the service is, what it serves, and what it once answered."""

from __future__ import annotations

from typing import Any

from services.prediction.description.openapi_parts import PROBLEM, TRACED, content, listing, operation, ref

_TEXT, _NUMBER, _MOMENT = {"type": "string"}, {"type": "integer"}, {"type": "string", "format": "date-time"}
_MAYBE_NUMBER, _MAYBE_TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
_PROBLEM = {"name": "problem", "in": "path", "required": True, "schema": _TEXT}
_PREDICTION = {"name": "prediction_id", "in": "path", "required": True, "schema": _TEXT}
_TAG = "service"
_STATED = {"description": "`not stated` where nothing is known"}
_SECTION: dict[str, Any] = {"type": "object"}
_MAYBE_SECTION: dict[str, Any] = {"type": ["object", "string", "null"], **_STATED}
_PASSPORT = {
    "type": "object",
    "description": "Where the answer comes from; every fact may be `not stated`",
    "properties": {
        "release": _SECTION | {"description": "Problem, version, run, model digest, learner and its parameters"},
        "signature": _SECTION | {"description": "Whether the release is signed, and whether the signature fits"},
        "data": _SECTION | {"description": "Snapshot, its rows and source, and as of when it was read"},
        "problem": _SECTION | {"description": "Digest of the problem file"},
        "contract": _SECTION | {"description": "Digest of the contract"},
        "code": _MAYBE_SECTION,
        "decision": _MAYBE_SECTION | {"description": "What the gate said, with every check"},
        "approval": _MAYBE_SECTION | {"description": "Who approved it; null where nobody had to"},
        "champion": _SECTION | {"description": "How the release had become champion, and which one was it before"},
    },
}


def service_schemas() -> dict[str, Any]:
    """The schemas of these answers."""
    refused = listing(version=_NUMBER, reason=_TEXT, at=_MOMENT)
    short = listing(
        problem=_TEXT,
        status={"type": "string", "enum": ["serving", "none"]},
        version=_MAYBE_NUMBER | {"description": "The release in service"},
        run_id=_MAYBE_TEXT,
        champion=_MAYBE_NUMBER | {"description": "The version that the alias points to"},
    )
    short["properties"] |= {
        "refused": refused | {"description": "The release that was kept out of service last, and why"},
        "task": {"type": "string", "enum": ["binary", "multiclass", "regression"]},
        "question": _TEXT,
        "since": _MOMENT,
        "history_as_of": {"type": ["string", "null"], "format": "date-time"},
    }
    more = {
        "model_digest": _MAYBE_TEXT,
        "instance": {"type": "object", "description": "JSON Schema of one row"},
        "label": {"type": "object", "description": "JSON Schema of a label"},
        "max_rows": _NUMBER,
        "release": {"type": "object", "description": "The release's own document"},
    }
    anything = {"type": ["string", "number", "boolean", "null"]}
    label = listing(label=anything, known_at=_MOMENT, received_at=_MOMENT)
    prediction = listing(
        id=_TEXT,
        problem=_TEXT,
        version=_NUMBER,
        run_id=_TEXT,
        at=_MOMENT,
        inputs={"type": "object"},
        prediction=anything,
        labels={"type": "array", "items": label},
    )
    prediction["properties"] |= {
        "time": {"type": ["string", "null"]},
        "probabilities": {"type": ["object", "null"]},
        "history": {"type": ["object", "null"]},
        "passport": _PASSPORT,
    }
    ready = listing(status=_TEXT, models={"type": "object"}, refused={"type": "array"}, registry=_TEXT)
    return {
        "Model": short,
        "ServedModel": {"allOf": [ref("Model"), {"type": "object", "properties": more}]},
        "Prediction": prediction,
        "Readiness": ready,
    }


def describe_service() -> dict[str, Any]:
    """The paths that all problems share."""
    ready = operation("readyz", "Ready", _READY, _TAG, "open", content(ref("Readiness")))
    others = {
        "description": "Not ready",
        "headers": TRACED,
        "content": {**content(ref("Readiness")), PROBLEM: {"schema": ref("Error")}},
    }
    ready["responses"]["503"] = others
    models = content(listing(models={"type": "array", "items": ref("Model")}))
    text = {"text/plain": {"schema": _TEXT}}
    return {
        path: {"get": described}
        for path, described in {
            "/v1/models": operation("models", "All models", _MODELS, _TAG, "read", models),
            "/v1/models/{problem}": operation(
                "model", "One model", _MODEL, _TAG, "read", content(ref("ServedModel")), parameters=[_PROBLEM]
            ),
            "/v1/predictions/{prediction_id}": operation(
                *("prediction", "One prediction", _ANSWER, _TAG, "read"),
                content(ref("Prediction")),
                parameters=[_PREDICTION],
            ),
            "/healthz": operation(
                "healthz", "Alive", "Whether the process runs.", _TAG, "open", content(listing(status=_TEXT))
            ),
            "/readyz": ready,
            "/metrics": operation("metrics", "Prometheus metrics", "Prometheus' text format.", _TAG, "read", text),
        }.items()
    }


_READY = "Whether requests can be sent here: 503 until it is known what to serve."
_MODELS = "Every problem with the release that answers for it."
_MODEL = "One problem's release in service, what it asks for, and what stands in the way of a newer one."
_ANSWER = "One answer as it was given, every label that came for it, and where it comes from."
