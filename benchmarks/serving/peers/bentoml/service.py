"""The model for BentoML, with its adaptive batching.

Rows come as a list: a batchable DataFrame fails in the dispatcher of 1.4.39 (its batch size is a tuple there).
"""

import os
from typing import Any

import bentoml
import joblib
import pandas as pd

TEXTS = ["carrier", "origin", "dest", "weekday"]


@bentoml.service(name="flights", workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Flights:
    """The platform's own pipeline."""

    def __init__(self) -> None:
        self._pipeline = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=int(os.environ["BENCH_BATCH"]), max_latency_ms=60_000)
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        """The second class's probability of each row."""
        frame = pd.DataFrame(rows)[list(self._pipeline.feature_names_in_)]
        numbers = frame.columns.difference(TEXTS)
        frame[numbers] = frame[numbers].astype(float)  # a column of None alone has no type of its own
        return self._pipeline.predict_proba(frame)[:, 1].tolist()
