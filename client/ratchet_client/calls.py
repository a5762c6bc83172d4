"""Everything that can be asked of the service, as exchanges: what the sync and the async client have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from ratchet_client.answers import Explanation, Logged, Model, Prediction, Predictions, Receipt
from ratchet_client.exchanges import Call, Exchange, Send, exchange
from ratchet_client.reading import (
    read_explanations,
    read_logged,
    read_model,
    read_models,
    read_predictions,
    read_receipt,
)
from ratchet_client.retrying import Retries
from ratchet_client.rows import as_rows, batches, encode

DEFAULT_URL = "http://127.0.0.1:8000"
VERSION = "0.1.0"
EXPLAINED = 100
"""Rows that the service explains in one request."""
MISSING: Any = object()
"""No label was given; None is one that the service refuses with a reason."""


@dataclass(frozen=True)
class Tags:
    """What goes along with one request; each is left out when it is None."""

    request_id: str | None = None
    """X-Request-Id: comes back with the answer and stands in the service's log."""
    traceparent: str | None = None
    """W3C trace context of the caller."""
    routing_key: str | None = None
    """X-Ratchet-Key: the same key gets the same release during a canary."""

    def headers(self) -> dict[str, str]:
        """As HTTP headers."""
        named = {
            "X-Request-Id": self.request_id,
            "traceparent": self.traceparent,
            "X-Ratchet-Key": self.routing_key,
        }
        return {name: value for name, value in named.items() if value is not None}


NO_TAGS = Tags()


@dataclass(frozen=True)
class Calls:
    """The service at one address; each method gives an exchange for a client to carry out."""

    url: str
    key: str | None = field(repr=False)
    retries: Retries
    max_rows: int

    @classmethod
    def configured(cls, base_url: str | None, api_key: str | None, retries: int | Retries, max_rows: int) -> Calls:
        """Arguments come before the environment (RATCHET_URL, RATCHET_API_KEY), which comes before the defaults."""
        if max_rows < 1:
            raise ValueError(f"max_rows is {max_rows}: send at least one row at a time")
        url = (base_url or os.environ.get("RATCHET_URL") or DEFAULT_URL).rstrip("/")
        key = api_key or os.environ.get("RATCHET_API_KEY") or None
        return cls(url, key, retries if isinstance(retries, Retries) else Retries(most=retries), max_rows)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        key = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        return {"Accept": "application/json", "User-Agent": f"ratchet-client/{VERSION}", **key}

    @property
    def local(self) -> bool:
        """Whether the service is on this machine, where no proxy is asked."""
        return (urlsplit(self.url).hostname or "") in {"127.0.0.1", "localhost", "::1"}

    def parts(self, rows: Any, most: int | None = None) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
        """The rows of each request, with the position of its first row in the call."""
        start = 0
        for part in batches(as_rows(rows), min(self.max_rows, most or self.max_rows)):
            yield start, part
            start += len(part)

    def predict(self, problem: str, rows: Any, tags: Tags = NO_TAGS) -> Exchange[Predictions]:
        """The answers to all rows, in as many requests as it takes."""
        given: list[Prediction] = []
        model = None
        for start, part in self.parts(rows):
            answer = yield from self.predict_part(problem, start, part, tags)
            given += answer.predictions
            model = answer.model
        if model is None:
            raise ValueError("there are no rows to ask about: send at least one")
        return Predictions(tuple(given), model)

    def predict_part(
        self, problem: str, start: int, part: list[Mapping[str, Any]], tags: Tags = NO_TAGS
    ) -> Exchange[Predictions]:
        """The answers to the rows of one request."""
        send = _post(problem, "predict", encode("instances", part, start), tags)
        return exchange(Call(send, repeatable=False, start=start), read_predictions, self.retries, self.url)

    def explain(self, problem: str, rows: Any, tags: Tags = NO_TAGS) -> Exchange[list[Explanation]]:
        """The answers to all rows with what led to them, in as many requests as it takes; they are logged too."""
        given: list[Explanation] = []
        for start, part in self.parts(rows, EXPLAINED):
            call = Call(_post(problem, "explain", encode("instances", part, start), tags), False, start)
            given += yield from exchange(call, read_explanations, self.retries, self.url)
        return given

    def label(
        self, problem: str, labels: Any, label: Any = MISSING, known_at: Any = None, tags: Tags = NO_TAGS
    ) -> Exchange[Receipt]:
        """The receipt for all labels, in as many requests as it takes; sent twice, a label counts once."""
        accepted: tuple[str, ...] = ()
        rejected: tuple[Any, ...] = ()
        start = 0
        for part in batches(as_labels(labels, label, known_at), self.max_rows):
            call = Call(_post(problem, "labels", encode("labels", part, start), tags), start=start)
            receipt = yield from exchange(call, _receipt_from(start), self.retries, self.url)
            accepted, rejected = accepted + receipt.accepted, rejected + receipt.rejected
            start += len(part)
        return Receipt(accepted, rejected)

    def models(self) -> Exchange[list[Model]]:
        """Every problem."""
        return exchange(Call(Send("GET", "/v1/models")), read_models, self.retries, self.url)

    def model(self, problem: str) -> Exchange[Model]:
        """One problem."""
        return exchange(Call(Send("GET", f"/v1/models/{_quoted(problem)}")), read_model, self.retries, self.url)

    def prediction(self, id: str) -> Exchange[Logged]:
        """One answer as it was given, with its labels."""
        return exchange(Call(Send("GET", f"/v1/predictions/{_quoted(id)}")), read_logged, self.retries, self.url)


def as_labels(labels: Any, label: Any = MISSING, known_at: datetime | str | None = None) -> Iterable[dict[str, Any]]:
    """Labels as the service takes them: one id (or prediction) with its label, a mapping from id to label, or items.

    An item is a mapping with `id`, `label` and perhaps `known_at`, or a tuple of the same.

    >>> list(as_labels("a", 1)), list(as_labels({"a": 1})), list(as_labels([("a", 1, "2013-03-01")]))
    ([{'id': 'a', 'label': 1}], [{'id': 'a', 'label': 1}], [{'id': 'a', 'label': 1, 'known_at': '2013-03-01'}])
    """
    if isinstance(labels, (str, Prediction)):
        if label is MISSING:
            raise TypeError("a label is missing: label(problem, id, label)")
        return [_label(labels, label, known_at)]
    if label is not MISSING:
        raise TypeError("one label was given for several ids: label(problem, {id: label, ...})")
    if isinstance(labels, Mapping):
        return (_label(id, value, known_at) for id, value in labels.items())
    return (dict(one) if isinstance(one, Mapping) else _label(*one) for one in labels)


def _label(id: str | Prediction, label: Any, known_at: Any = None) -> dict[str, Any]:
    item = {"id": id.id if isinstance(id, Prediction) else id, "label": label}
    return item if known_at is None else {**item, "known_at": known_at}


def _receipt_from(start: int) -> Any:
    return lambda content: read_receipt(content, start)


def _post(problem: str, verb: str, body: bytes, tags: Tags) -> Send:
    headers = {"Content-Type": "application/json", **tags.headers()}
    return Send("POST", f"/v1/models/{_quoted(problem)}/{verb}", body, headers)


def _quoted(name: str) -> str:
    return quote(name, safe="")
