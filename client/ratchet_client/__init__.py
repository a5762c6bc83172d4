"""Ask a Ratchet prediction service, and tell it what came true.

>>> from ratchet_client import Client
>>> with Client("http://127.0.0.1:8000") as client:  # doctest: +SKIP
...     answers = client.predict("penguins", [{"island": "Biscoe", "bill_length_mm": 46.1}])
...     client.label("penguins", answers[0], "Gentoo")
"""

from ratchet_client.answers import (
    Explanation,
    Logged,
    Model,
    ModelName,
    Prediction,
    Predictions,
    Receipt,
    Rejected,
)
from ratchet_client.async_client import AsyncClient
from ratchet_client.calls import VERSION as __version__
from ratchet_client.client import Client
from ratchet_client.errors import (
    Forbidden,
    InvalidRows,
    Issue,
    NotFound,
    RatchetClientError,
    Timeout,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from ratchet_client.retrying import Retries

__all__ = [
    "AsyncClient",
    "Client",
    "Explanation",
    "Forbidden",
    "InvalidRows",
    "Issue",
    "Logged",
    "Model",
    "ModelName",
    "NotFound",
    "Prediction",
    "Predictions",
    "RatchetClientError",
    "Receipt",
    "Rejected",
    "Retries",
    "Timeout",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "__version__",
]
