"""The real service of the service's own tests, a stock of releases, and clients that never stop asking."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from pipelines.core.contract import check
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle, write_bundle
from pipelines.stores.bundles.compiled_file import compile_release
from pipelines.stores.logbook.prediction_ids import PredictionIds
from pipelines.stores.storage.files import read_json

_spec = importlib.util.spec_from_file_location("service_parts", Path(__file__).parents[1] / "services" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
service_parts = importlib.util.module_from_spec(_spec)
sys.modules["service_parts"] = service_parts
_spec.loader.exec_module(service_parts)
loans, trips, stocked, serve, mlflow_server = (
    getattr(service_parts, name) for name in ("loans", "trips", "stocked", "serve", "mlflow_server")
)

THINK = 0.005  # seconds between an answer and the client's next request, and
THINK_MORE = 0.001  # for each row of it: steady, with something of the machine left for what happens meanwhile
LONGEST = 20.0  # seconds; whoever waits longer counts as failed
SIZES = (1, 1, 1, 1, 1, 1, 20, 100)  # rows per request of each client; 100 go to the scorer thread, compiled or not


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and when (`time.monotonic`)."""

    sent: float
    at: float
    status: int
    version: int
    ids: tuple[str, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A request that got no answer: `refused`, `lost` (not a byte came back), `cut` (a part of one), or `hung`."""

    sent: float
    kind: str


@dataclass
class Load:
    """Eight clients, each with a connection that it keeps; `url` may change, then they follow it."""

    url: str
    rows: list[dict[str, Any]]
    pace: float = 1.0
    answers: list[Answer] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    _turn: int = 0
    _stopped: bool = False
    _ended: Future[None] = field(default_factory=Future)

    def __enter__(self) -> Load:
        threading.Thread(target=self._run, daemon=True).start()
        self.wait(200)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Have every client end after its next answer, and wait for that; once more does nothing."""
        self._stopped = True
        self._ended.result(LONGEST + 10)

    def reconnect(self) -> None:
        """Have every client open a new connection after its next answer."""
        self._turn += 1

    def wait(self, count: int, seconds: float = 15.0) -> None:
        """Until so many more answers have come."""
        wanted, deadline = len(self.answers) + count, time.monotonic() + seconds
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, (len(self.answers), self.broken[:5])
            assert not self._ended.done(), self._ended.result()
            time.sleep(0.005)

    def first(self, version: int, since: float, seconds: float = 15.0) -> float:
        """How long after `since` the first answer by a version came."""
        seen, deadline = 0, since + seconds
        while time.monotonic() < deadline:
            upto = len(self.answers)
            for answer in self.answers[seen:upto]:
                if answer.version == version and answer.at >= since:
                    return answer.at - since
            seen = upto
            time.sleep(0.005)
        raise AssertionError(f"version {version} did not answer within {seconds} s")

    def versions(self, since: float = 0.0) -> set[int]:
        """Which versions answered requests that were sent after a moment."""
        return {answer.version for answer in self.answers if answer.sent >= since}

    def silence(self, since: float) -> float:
        """The longest time without any answer after a moment."""
        moments = sorted(answer.at for answer in self.answers if answer.at >= since)
        return max(later - earlier for earlier, later in pairwise([since, *moments]))

    def _run(self) -> None:
        try:
            asyncio.run(self._clients())
            self._ended.set_result(None)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self._ended.set_exception(error)

    async def _clients(self) -> None:
        await asyncio.gather(*(self._client(size) for size in SIZES))

    async def _client(self, size: int) -> None:
        body = orjson.dumps({"instances": [self.rows[number % len(self.rows)] for number in range(size)]})
        head = f"POST /v1/models/loans/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        while not self._stopped:
            where, begun = urlsplit(self.url), time.monotonic()
            try:
                reader, writer = await asyncio.open_connection(where.hostname, where.port)
            except OSError:
                self.broken.append(Broken(begun, "refused"))
                await asyncio.sleep(0.05)
                continue
            try:
                await self._talk(reader, writer, head.encode() + body, size)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, rows: int
    ) -> None:
        """Ask over one connection until it ends, the server says that it will, or another is wanted."""
        turn, last = self._turn, False
        while not (last or self._stopped) and turn == self._turn:
            sent, head = time.monotonic(), b""
            writer.write(request)
            try:
                async with asyncio.timeout(LONGEST):
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = re.search(rb"content-length: (\d+)", head)
                    assert length is not None, head
                    body = await reader.readexactly(int(length[1]))
            except TimeoutError:
                self.broken.append(Broken(sent, "hung"))
                return
            except asyncio.IncompleteReadError as error:
                self.broken.append(Broken(sent, "cut" if head or error.partial else "lost"))
                return
            except ConnectionError:
                self.broken.append(Broken(sent, "cut" if head else "lost"))
                return
            self.answers.append(_read(sent, int(head.split(b" ", 2)[1]), body))
            last = b"connection: close" in head
            await asyncio.sleep((THINK + THINK_MORE * rows) / self.pace)


def _read(sent: float, status: int, body: bytes) -> Answer:
    if status != 200:
        return Answer(sent, time.monotonic(), status, 0, (), body.decode())
    content = orjson.loads(body)
    ids = tuple(one["id"] for one in content["predictions"])
    return Answer(sent, time.monotonic(), status, content["model"]["version"], ids)


@dataclass
class Stock:
    """A home of the test's own: version 1 of `loans` is champion and plain, versions 2, 3 and 4 are compiled."""

    settings: Settings
    shop: Any
    toy: Any

    def promote(self, version: int) -> float:
        """Make a version champion through MLflow; when that was done."""
        self.shop.promote(self.toy, version)
        return time.monotonic()

    def artifact(self, version: int, name: str) -> Path:
        """A file of a release in the artifact store."""
        return Path(self.shop.registry.release(self.toy.name, version).source.removeprefix("file://")) / name

    def logged(self) -> dict[str, int]:
        """Every id in the prediction log with the version that answered."""
        with closing(sqlite3.connect(self.settings.home / "ratchet.db")) as database:
            found = dict(database.execute("SELECT id, version FROM predictions").fetchall())
            for version, ids in database.execute("SELECT version, ids FROM prediction_blocks"):
                found |= dict.fromkeys(PredictionIds(ids).texts, version)
            return found


@pytest.fixture(scope="session")
def releases(stocked: Path, loans: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with four releases of `loans`, to be copied."""
    home = service_parts.copy_home(stocked, tmp_path_factory.mktemp("releases") / "home")
    shop = service_parts.Shop(Settings(home=home), home.parent / "bundles")
    versions = [shop.release(loans, strength, lambda folder: _compile(loans, folder)) for strength in (0.01, 0.1, 10)]
    assert versions == [2, 3, 4]
    shop.registry.drop_alias("trips", "champion")  # plain: it would slow every start down
    return home


def _compile(toy: Any, folder: Path) -> None:
    """Add the compiled form to a bundle, as a release has it."""
    bundle = Bundle(folder)
    frame = toy._input(check(bundle.contract, toy.frame).frame)
    proven = compile_release(bundle.pipeline, bundle.contract, toy.history, frame)
    assert proven.serving["compiled"], proven.serving
    kept = {name: read_json(folder / "ratchet" / name) for name in ("contract.json", "problem.json", "probe.json")}
    release = {**bundle.release, "serving": proven.serving}
    write_bundle(folder, {"release.json": release, **kept, **proven.documents}, {})


@pytest.fixture
def stock(settings: Settings, releases: Path, loans: Any, tmp_path: Path) -> Stock:
    """Four releases; MLflow is imported already, so that promoting is quick."""
    service_parts.copy_home(releases, settings.home)
    shop = service_parts.Shop(settings, tmp_path / "bundles")
    assert [one.version for one in shop.registry.releases(loans.name)]
    return Stock(settings, shop, loans)


@pytest.fixture
def load(loans: Any) -> Callable[..., Load]:
    """Clients for the service at an address; a context manager."""
    return lambda url, pace=1.0: Load(url, loans.rows(50), pace)
