"""The doors of the service's own API: predictions and labels, as JSON or, for tables, as Arrow and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from services.prediction.doors import Asked, Reply
from services.prediction.payloads import ARROW, PARQUET, media_of, off_loop, read_instances
from services.prediction.refusals import Refusal

if TYPE_CHECKING:
    from services.prediction.service import Service

_TABLES = (ARROW, PARQUET)
_LARGE = 500_000  # bytes: reading them takes two milliseconds
_LARGE_TABLE = 250_000
_MANY = 2_000  # answers that are written elsewhere than on the event loop
_JSON = ("", "application/json", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded")


async def predict(service: Service, asked: Asked) -> Reply:
    """The predictions for the rows sent; each is in the log before it is answered.

    `Content-Type` says how the rows are read, `Accept` how the answers are written (default: alike).
    """
    sent = media_of(asked.headers.get("content-type", ""))
    most = service.champions.live(asked.problem).definition.serving.max_rows
    if sent in _TABLES:
        from services.prediction.tables.columnar import decode_columns

        # Parquet is waited for: another process reads it. Arrow is read at the speed of memory.
        much = sent == PARQUET or len(asked.body) > _LARGE_TABLE
        columns, count = await off_loop(much, lambda: decode_columns(asked.body, sent, most))
        answers = await service.plane.predict_columns(asked.problem, columns, count, asked)
    elif sent in _JSON or sent.endswith("+json"):  # many clients name no type, or curl's default, and send JSON
        rows = await off_loop(len(asked.body) > _LARGE, lambda: read_instances(asked.body, most))
        answers = await service.plane.predict_rows(asked.problem, rows, asked)
    else:
        raise Refusal(415, "media-type", "Unknown media type", f"send application/json, {ARROW} or {PARQUET}")
    many = len(answers.scores) > _MANY
    wanted = _wanted(asked.headers.get("accept", ""), sent)
    if wanted in _TABLES:
        from services.prediction.tables.columnar import encode_answers

        return Reply(await off_loop(many, lambda: encode_answers(answers, wanted)), wanted)
    return Reply(await off_loop(many, answers.as_json))


async def label(service: Service, asked: Asked) -> Reply:
    """What became of the labels sent: those accepted are kept for good."""
    return Reply(orjson.dumps(await service.plane.label(asked.problem, asked.body)))


def _wanted(accept: str, sent: str) -> str:
    """The media type of the answer."""
    if not accept or accept == "*/*":
        return sent
    named = [media_of(one) for one in accept.split(",")]
    return next((one for one in named if one in (*_TABLES, "application/json")), sent)
