"""Ratchet's own service as it is compared: validation, durable log, metrics and key check on."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.serving.release import PROBLEM, ROOT, Release
from benchmarks.serving.servers import NotServing, Running, Server

MEDIA = {"arrow": "application/vnd.apache.arrow.stream", "parquet": "application/vnd.apache.parquet"}
_PREDICT = f"/v1/models/{PROBLEM}/predict"


def ratchet(release: Release, key: str, name: str = "ratchet", title: str = "Ratchet", **settings: str) -> Server:
    """The service over the benchmark's home; `settings` are added to its environment."""

    def encode(positions: Sequence[int]) -> bytes:
        rows = [release.rows[position % len(release.rows)] for position in positions]
        return json.dumps({"instances": rows}).encode()

    return Server(
        name=name,
        title=title,
        command=lambda port: [sys.executable, "-m", "services.prediction", "--port", str(port)],
        path=_PREDICT,
        encode=encode,
        read=lambda answer: [one["probabilities"]["true"] for one in answer["predictions"]],
        environment={"RATCHET_HOME": str(release.home), "RATCHET_REQUIRE_KEYS": "always", **settings},
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )


def generic(release: Release, key: str) -> Server:
    """The same, answering by the scikit-learn pipeline itself."""
    return ratchet(release, key, "generic", "Ratchet, not compiled", RATCHET_COMPILE="off")


def columnar(server: Server, release: Release, format: str) -> Server:
    """The same service, asked with Arrow or Parquet bodies; it answers in kind."""

    def encode(positions: Sequence[int]) -> bytes:
        return table_rows(release, positions, format)

    headers = {**server.headers, "Content-Type": MEDIA[format]}
    return dataclasses.replace(server, name=f"{server.name}-{format}", encode=encode, headers=headers, read=None)


def table_rows(release: Release, positions: Sequence[int], format: str) -> bytes:
    """These rows as an Arrow IPC stream or a Parquet file; after the last row comes the first again."""
    rows = release.table.iloc[[position % len(release.table) for position in positions]]
    table, sink = pa.Table.from_pandas(rows, preserve_index=False), pa.BufferOutputStream()
    if format == "arrow":
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    else:
        pq.write_table(table, sink)
    return bytes(sink.getvalue())


def check_guarded(one: Running) -> None:
    """NotServing when the service answers a caller without a key: then it is not what is to be measured."""
    headers = {name: value for name, value in one.server.headers.items() if name != "Authorization"}
    stranger = dataclasses.replace(one, server=dataclasses.replace(one.server, headers=headers))
    try:
        stranger.ask([0])
    except NotServing as error:
        if "401" in str(error):
            return
        raise
    raise NotServing(f"{one.server.title} answers without a key: the key check is off")


def make_key(release: Release) -> str:
    """A key that may ask for predictions, made by the command that operators use."""
    name = f"bench-{time.time_ns()}"
    command = [sys.executable, "-m", "pipelines.cli", "keys", "create", name, "--scope", "predict", "--json"]
    environment = os.environ | {"RATCHET_HOME": str(release.home)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotServing(f"`ratchet keys create` failed: {done.stdout}{done.stderr}")
    return str(json.loads(done.stdout)["key"])
