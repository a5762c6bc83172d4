"""Whether a cluster that is waited for can still do its work: its scheduler answers, its workers reach each other.

Dask tries again for ever where a worker cannot fetch what another one has: each worker is asked for its way to others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipelines.core.errors import Unavailable

Found = TypeVar("Found")

PATIENCE = 30.0
"""Seconds until a scheduler answers, until it has a worker, and between two looks while work is waited for."""
LASTING = 50.0
"""Seconds that a way must be closed before it counts: a worker that dies is out of reach until the scheduler knows."""
_KNOCK = 5.0  # seconds until a worker's port is out of reach
_PEERS = 8  # others that each worker tries: the next ones in the order of addresses


class Watch:
    """Looks after a cluster while somebody waits for it."""

    def __init__(self, client: Any, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self.address, self._clock = client, address, clock
        self._looked = clock()
        self._blocked: dict[str, float] = {}

    def workers(self) -> list[str]:
        """Addresses of the workers that the scheduler knows. Unavailable when it does not say."""
        return sorted(self._answer(lambda: self._client.scheduler.identity(n_workers=-1))["workers"])

    def everybody(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """What a function finds in every worker process, beside its work; an error in the place of what it finds."""

        async def asked(worker: str) -> Any:
            run = self._client.run(function, *given, workers=[worker], on_error="return")
            try:
                return (await asyncio.wait_for(run, 1.5 * PATIENCE)).get(worker, OSError("gone"))
            except TimeoutError as error:
                return error

        async def everyone() -> dict[str, Any]:
            workers = sorted((await self._client.scheduler.identity(n_workers=-1))["workers"])
            return dict(zip(workers, await asyncio.gather(*map(asked, workers)), strict=True))

        return self._answer(everyone)

    def require_ways(self) -> None:
        """Unavailable where the scheduler does not reach a worker, or a worker another one."""
        self._refuse(self._closed_ways())

    def look(self) -> None:
        """Unavailable when it is of no use to wait on: called often, looks every half minute."""
        now = self._clock()
        if now - self._looked < PATIENCE:
            return
        self._looked = now
        if not self.workers():
            raise Unavailable(f"the Dask scheduler at {self.address} has lost its last worker: start new ones")
        self._blocked = {way: self._blocked.get(way, now) for way in self._closed_ways(patient=True)}
        self._refuse([way for way, since in self._blocked.items() if now - since >= LASTING])

    def require_reached(self, found: Mapping[str, Any]) -> None:
        """Unavailable where the scheduler could not reach some worker for what `everybody` found."""
        self._refuse(unreached(found))

    def _closed_ways(self, patient: bool = False) -> list[str]:
        """In words: who does not reach whom; `patient` with who does not answer: busy, or Dask gives it up in time."""
        found = self.everybody(knock, self.workers())
        ways = [way for worker, others in sorted(found.items()) for way in _named(worker, others)]
        return ways + unreached(
            {worker: one for worker, one in found.items() if not (patient and isinstance(one, TimeoutError))}
        )

    def _refuse(self, ways: Sequence[str]) -> None:
        if ways:
            more = f" (and {len(ways) - 1} more such ways)" if len(ways) > 1 else ""
            raise Unavailable(
                f"the Dask cluster at {self.address} cannot work: {ways[0]}{more}. Scheduler and workers must reach "
                "each worker at the address it gave: see its --host and --worker-port, and firewalls"
            )

    def _answer(self, ask: Callable[[], Awaitable[Found]]) -> Found:
        """What the scheduler answers, within some patience; it connects to workers that long."""

        async def asked() -> Found:
            return await ask()

        if self._client.scheduler is None:
            raise Unavailable(f"the Dask scheduler at {self.address} is gone: run it again once it is back")
        try:
            found: Found = self._client.sync(asked, callback_timeout=2 * PATIENCE)
        except (OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(
                f"the Dask scheduler at {self.address} does not answer any more ({why}): run it again once it does"
            ) from error
        return found


async def knock(peers: Sequence[str], dask_worker: Any) -> list[str]:
    """On a worker: which of the next others cannot be reached. By TCP alone, which answers however busy they are."""
    ordered = sorted({*peers, dask_worker.address})
    place = ordered.index(dask_worker.address)
    others = [*ordered[place + 1 :], *ordered[:place]][:_PEERS]

    async def closed(address: str) -> str | None:
        parts = urlsplit(address)
        if parts.scheme not in {"tcp", "tls", "ws", "wss"}:
            return None
        try:
            async with asyncio.timeout(_KNOCK):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except (OSError, TimeoutError) as error:
            return f"{address} ({type(error).__name__})"
        writer.close()
        return None

    return [one for one in await asyncio.gather(*map(closed, others)) if one is not None]


def unreached(found: Mapping[str, Any]) -> list[str]:
    """In words: the workers that the scheduler did not reach; any other error of one is raised."""
    for error in found.values():
        if isinstance(error, Exception) and not isinstance(error, OSError | TimeoutError):
            raise error
    return [
        f"the scheduler does not reach the worker {worker} ({type(error).__name__})"
        for worker, error in sorted(found.items())
        if isinstance(error, Exception)
    ]


def _named(worker: str, others: Any) -> list[str]:
    return [] if isinstance(others, Exception) else [f"the worker {worker} does not reach {one}" for one in others]
