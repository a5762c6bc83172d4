"""The client for programs that wait for each answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ratchet_client.answers import Explanation, Logged, Model, Prediction, Predictions, Receipt
from ratchet_client.calls import MISSING, Calls, Tags
from ratchet_client.exchanges import Exchange, Outcome, Send, Wait, ready, wait_until_ready
from ratchet_client.retrying import Retries

T = TypeVar("T")


class Client:
    """A Ratchet prediction service; threads may share one.

    `base_url` and `api_key` come from RATCHET_URL and RATCHET_API_KEY where they are not given. `max_rows`: calls with
    more rows than that go out in several requests. `retries`: how often a request is sent again that was not served.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int | Retries = 3,
        max_rows: int = 1_000,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._calls = Calls.configured(base_url, api_key, retries, max_rows)
        self._http = httpx.Client(
            base_url=self.url,
            headers=self._calls.headers,
            timeout=timeout,
            transport=transport,
            trust_env=not self._calls.local,
        )

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._calls.url

    def predict(
        self,
        problem: str,
        rows: Any,
        *,
        request_id: str | None = None,
        traceparent: str | None = None,
        routing_key: str | None = None,
    ) -> Predictions:
        """The answers to rows, in their order; each is in the service's log.

        `rows`: mappings from feature to value, or a table of pandas or polars. Raises InvalidRows, naming row and
        feature, when they break the problem's contract.
        """
        return self._run(self._calls.predict(problem, rows, Tags(request_id, traceparent, routing_key)))

    def predict_many(self, problem: str, rows: Any, *, traceparent: str | None = None) -> Iterator[Prediction]:
        """The answers to any number of rows, one after the other, asked for as they are taken."""
        for start, part in self._calls.parts(rows):
            yield from self._run(self._calls.predict_part(problem, start, part, Tags(traceparent=traceparent)))

    def label(
        self,
        problem: str,
        labels: Any,
        label: Any = MISSING,
        known_at: datetime | str | None = None,
        *,
        request_id: str | None = None,
    ) -> Receipt:
        """What became of labels: `label(problem, id, label)`, `{id: label}`, or items with id, label and known_at.

        Any order, as late as you like; a later label for the same id corrects the earlier one.
        """
        return self._run(self._calls.label(problem, labels, label, known_at, Tags(request_id)))

    def explain(self, problem: str, rows: Any, *, request_id: str | None = None) -> list[Explanation]:
        """The answers to rows, each with what every column added to it; logged like every answer."""
        return self._run(self._calls.explain(problem, rows, Tags(request_id)))

    def models(self) -> list[Model]:
        """Every problem with the release that answers for it."""
        return self._run(self._calls.models())

    def model(self, problem: str) -> Model:
        """One problem, what it asks for and which release answers."""
        return self._run(self._calls.model(problem))

    def prediction(self, id: str) -> Logged:
        """One answer as it was given, with every label that came for it."""
        return self._run(self._calls.prediction(id))

    def ready(self) -> bool:
        """Whether requests can be sent."""
        return self._run(ready())

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return once requests can be sent; Unavailable when that takes longer than `timeout` seconds."""
        self._run(wait_until_ready(timeout, self.url))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        self._http.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.__exit__(kind, error, trace)

    def _run(self, steps: Exchange[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                result: T = done.value
                return result
            outcome = self._do(step)

    def _do(self, step: Send | Wait) -> Outcome:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.request(step.method, step.path, content=step.body, headers=dict(step.headers))
        except httpx.TransportError as error:
            return error
