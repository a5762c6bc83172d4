"""Every way into the service that leads to a door of its own: our API, protocol V2, MLflow's protocol."""

from __future__ import annotations

from services.prediction.paths import Way
from services.prediction.protocols import explaining, invocations, predicting, v2

_OURS = "/v1/models/{problem}"
_V2 = "/v2/models/{problem}"
_VERSION = "/v2/models/{problem}/versions/{version}"

WAYS: tuple[Way, ...] = (
    Way("POST", f"{_OURS}/predict", "predict", predicting.predict),
    Way("POST", f"{_OURS}/labels", "label", predicting.label),
    Way("POST", f"{_OURS}/explain", "predict", explaining.explain),
    # Whether a model is ready is told without a key: a client that may only predict asks it first.
    # MLflow's scoring server: its client finds all of these below its base URL.
    Way("POST", f"{_OURS}/invocations", "predict", invocations.invoke),
    Way("GET", f"{_OURS}/ping", "open", invocations.ping),
    Way("GET", f"{_OURS}/health", "open", invocations.ping),
    Way("GET", f"{_OURS}/version", "open", invocations.version),
    # The Open Inference Protocol, version 2.
    Way("GET", "/v2", "read", v2.server),
    Way("GET", "/v2/health/live", "open", v2.live),
    Way("GET", "/v2/health/ready", "open", v2.ready),
    Way("GET", _V2, "read", v2.model),
    Way("GET", _VERSION, "read", v2.model),
    Way("GET", f"{_V2}/ready", "open", v2.model_ready),
    Way("GET", f"{_VERSION}/ready", "open", v2.model_ready),
    Way("POST", f"{_V2}/infer", "predict", v2.infer),
    Way("POST", f"{_VERSION}/infer", "predict", v2.infer),
)
