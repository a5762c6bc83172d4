"""Run inside a container of the stack: fills the prediction log with rows of the past, by COPY, block by block.

`python fill.py PROBLEM ROWS BLOCK FROM`: so many rows, in blocks of BLOCK rows copied from the problem's newest one,
with ids and moments of their own: a quarter of a million rows a day, backwards from FROM (ISO). The last line says as
JSON what was done, with ids to look up and the size of the database.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from pipelines.core.settings import Settings
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_ids import PredictionIds
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_tables import BLOCKS

A_DAY = 250_000
_AT_ONCE = 50_000  # rows of a transaction
_TOLD = 200  # ids that are given back, of all the time that was filled
_LENGTH = struct.Struct("<I")


def main() -> None:
    """Fill, and say so."""
    problem, rows, size, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), datetime.fromisoformat(sys.argv[4])
    settings = Settings()
    engine = open_database(settings.database)
    model, begun, known = pattern(engine, problem, size), time.perf_counter(), []
    log = PredictionLog(settings.database)
    for done in range(0, rows, _AT_ONCE):
        blocks = [
            past_block(model, first - timedelta(days=(done + part) / A_DAY), size)
            for part in range(0, min(_AT_ONCE, rows - done), size)
        ]
        log.append(blocks)
        known += [one.ids.text(0) for one in blocks[:: max(len(blocks) // _TOLD, 1)]]
    log.close()
    seconds = time.perf_counter() - begun
    ids = known[:: max(len(known) // _TOLD, 1)][:_TOLD]
    print(json.dumps({"rows": rows, "seconds": seconds, "bytes": size_of(engine), "ids": ids}))  # noqa: T201


def pattern(engine: sa.Engine, problem: str, size: int) -> Any:
    """The newest block of exactly so many rows that the service itself wrote."""
    query = sa.select(BLOCKS).where(BLOCKS.c.problem == problem, BLOCKS.c.rows == size).order_by(BLOCKS.c.made.desc())
    with engine.connect() as connection:
        return connection.execute(query.limit(1)).one()


def past_block(model: Any, at: datetime, size: int) -> LogBlock:
    """The same rows, asked about at another moment, with ids made then."""
    moment = at.astimezone(UTC).replace(tzinfo=None)
    ids = past_ids(int(at.timestamp() * 1000), size)
    content = dated(bytes(model.content), moment, size)
    return LogBlock(model.problem, model.version, model.run_id, model.source, ids, moment, moment, content)


def dated(content: bytes, moment: datetime, size: int) -> bytes:
    """The content of a block as if it had been asked about then; its rows have no moment of their own."""
    (length,) = _LENGTH.unpack_from(content)
    document = orjson.loads(content[4 : 4 + length])
    head = orjson.dumps({**document, "asked": [(moment.isoformat(), size)], "time": None})
    return _LENGTH.pack(len(head)) + head + content[4 + length :]


def past_ids(stamp: int, size: int) -> PredictionIds:
    """UUIDv7 of that millisecond."""
    found = []
    for _ in range(size):
        noise = bytearray(os.urandom(10))
        noise[0], noise[2] = 0x70 | noise[0] & 0x0F, 0x80 | noise[2] & 0x3F
        found.append(stamp.to_bytes(6, "big") + bytes(noise))
    return PredictionIds(b"".join(found))


def size_of(engine: sa.Engine) -> int:
    """Bytes of the database; 0 where it cannot say."""
    if engine.dialect.name != "postgresql":
        return 0
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


if __name__ == "__main__":
    main()
