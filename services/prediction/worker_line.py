"""A worker's end of the line to its parent: connections come in by it, and its end is the worker's end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress


class Line:
    """The line behind a file descriptor that the parent passed on."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._owed = 0  # connections that the parent does not know to be taken
        self._tasks: set[asyncio.Task[None]] = set()

    def take_connections(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Tell the parent that this worker is ready; from now on serve each connection that it passes on."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._take, loop, make_protocol)
        with suppress(OSError):  # the parent is gone: the reader will see it
            self._socket.send(b"r")

    def close(self) -> None:
        """Take no more; once is enough."""
        if self._socket.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _take(self, loop: asyncio.AbstractEventLoop, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        try:
            told, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        except BlockingIOError:
            return
        except ConnectionError:
            told, descriptors = b"", []
        if not told:  # nobody is left to end this process
            self.close()
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._owed += len(descriptors)
        with suppress(OSError):
            self._owed -= self._socket.send(b"t" * self._owed)
        for descriptor in descriptors:
            task = loop.create_task(_serve(loop, make_protocol, socket.socket(fileno=descriptor)))
            self._tasks.add(task)  # the loop alone would let it be collected
            task.add_done_callback(self._tasks.discard)


async def _serve(
    loop: asyncio.AbstractEventLoop, make_protocol: Callable[[], asyncio.Protocol], connection: socket.socket
) -> None:
    connection.setblocking(False)
    try:
        await loop.connect_accepted_socket(make_protocol, connection)
    except OSError:  # the client has gone meanwhile
        connection.close()
