"""MLflow's scoring protocol, so that a client of `mlflow models serve` moves over by changing its base URL.

It differs where an application is better served: classes are answered as the labels they are (MLflow would answer
the pipeline's class numbers), every answer has its id, and a column that the contract does not know is refused.
History features may be sent, as such a client does, and are left unread: the service joins its own.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.core.errors import PayloadError
from services.prediction.doors import Asked, Reply
from services.prediction.payloads import PARQUET, TooManyRows
from services.prediction.protocols.feature_order import feature_order
from services.prediction.protocols.invocation_bodies import Sent, read_csv_table, read_json_table
from services.prediction.protocols.wire_json import off_loop
from services.prediction.refusals import Refusal

if TYPE_CHECKING:
    from services.prediction.live_model import LiveModel
    from services.prediction.service import Service

MLFLOW_VERSION = "3.17.2"
"""The MLflow whose scoring protocol this is; clients ask for it before they send anything."""
_JSON, _CSV = "application/json", "text/csv"
"""The media types of MLflow's scoring server."""
_INDEX = re.compile(r"__index_level_\d+__")  # how pandas names an index in Parquet
_TOLD = 5  # wrong cells that an answer's text names


async def invoke(service: Service, asked: Asked) -> Reply:
    """POST /v1/models/{problem}/invocations: `{"predictions": [...], "ids": [...], "model": {...}}`."""
    model = service.champions.live(asked.problem)
    media = media_type(asked.headers.get("content-type", _JSON))
    try:
        if media == PARQUET:  # another process reads it, and that is waited for
            sent = await asyncio.to_thread(read_table, model, media, asked.body)
        else:
            sent = await off_loop(len(asked.body), lambda: read_table(model, media, asked.body))
        if sent.rows is not None:
            answers = await service.plane.predict_rows(asked.problem, sent.rows, asked)
        else:
            answers = await service.plane.predict_columns(asked.problem, sent.columns or {}, sent.count, asked)
    except TooManyRows:
        raise
    except PayloadError as error:
        raise bad_request(error) from error
    content = {"predictions": answers.predictions(), "ids": answers.ids, "model": answers.model.named}
    return Reply(orjson.dumps(content))


async def ping(service: Service, asked: Asked) -> Reply:
    """GET .../ping and .../health: 200 while a release serves; the front answers 404 or 503 otherwise."""
    service.champions.live(asked.problem)
    return Reply(b"\n", "text/plain; charset=utf-8")


async def version(service: Service, asked: Asked) -> Reply:
    """GET .../version: the MLflow whose protocol is spoken here."""
    service.champions.live(asked.problem)
    return Reply(MLFLOW_VERSION.encode(), "text/plain; charset=utf-8")


def media_type(header: str) -> str:
    """The media type that a Content-Type header names; a 415 for what MLflow's server does not take either.

    >>> media_type("application/json; charset=UTF-8")
    'application/json'
    """
    media, *parameters = (part.strip() for part in header.split(";"))
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip().lower() != "charset":
            raise _unsupported(f"unrecognized content type parameter {name[:100]!r}")
        if value.strip().strip('"').lower() != "utf-8":
            raise _unsupported("only UTF-8 is supported")
    media = media.lower()
    if media not in (_JSON, _CSV, PARQUET):
        raise _unsupported(f"expected {_JSON}, {_CSV} or {PARQUET}, got {media[:100]!r}")
    return media


def read_table(model: LiveModel, media: str, body: bytes) -> Sent:
    """The rows that a body holds, without history features: the service joins its own."""
    history = [feature.name for feature in model.definition.features.history]
    if media == PARQUET:
        from services.prediction.tables.columnar import decode_columns  # pyarrow, and only for such a body

        columns, count = decode_columns(body, media, model.definition.serving.max_rows)
        sent = Sent(count, columns={name: cells for name, cells in columns.items() if not _INDEX.fullmatch(name)})
    elif media == _CSV:
        sent = read_csv_table(body)
    else:
        sent = read_json_table(body, feature_order(model.contract), history)
    return _without(sent, frozenset(history), [name for name, is_date in model.asked if is_date])


def bad_request(error: PayloadError) -> Refusal:
    """A payload error as MLflow's clients know it: a 400, its text naming the first cells that are wrong.

    >>> bad_request(PayloadError("'instances' is empty")).status
    400
    """
    told = [
        f"row {one.row}, feature {one.feature[:200]!r}: {one.message}"
        if one.feature
        else f"row {one.row}: {one.message}"
        for one in error.issues[:_TOLD]
    ]
    if len(error.issues) > _TOLD:
        told.append(f"and {len(error.issues) - _TOLD} more")
    return Refusal(400, "invalid-payload", "The request breaks the contract", "; ".join(told) or str(error))


def _without(sent: Sent, history: frozenset[str], dates: list[str]) -> Sent:
    """The same rows without history features; a missing date, which pandas writes as NaT, is missing."""
    if sent.columns is not None:
        columns = {name: cells for name, cells in sent.columns.items() if name not in history}
        for name in dates:
            if isinstance(columns.get(name), list) and "NaT" in columns[name]:
                columns[name] = [None if cell == "NaT" else cell for cell in columns[name]]
        return Sent(sent.count, columns=columns)
    if not history:
        return sent
    return Sent(sent.count, rows=[_drop(row, history) for row in sent.rows or []])


def _drop(row: Any, history: frozenset[str]) -> Any:
    return {name: cell for name, cell in row.items() if name not in history} if isinstance(row, dict) else row


def _unsupported(detail: str) -> Refusal:
    return Refusal(415, "media-type", "Unknown media type", detail)
