from __future__ import annotations

import asyncio
import signal
import socket

from services.prediction.worker_line import Line


class Echo(asyncio.Protocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        client.setblocking(False)
        return client, listener.accept()[0]


def test_what_is_passed_on_is_served_until_the_parent_is_gone() -> None:
    parent, child = socket.socketpair()
    ended: list[int] = []

    async def work() -> list[bytes]:
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()

        def end() -> None:
            ended.append(1)
            gone.set()

        loop.add_signal_handler(signal.SIGTERM, end)
        line = Line(child.detach())
        line.take_connections(Echo)
        assert parent.recv(1) == b"r"
        pairs = [connected() for _ in range(3)]
        for _, theirs in pairs:
            socket.send_fds(parent, [b"c"], [theirs.fileno()])
            theirs.close()
        answers = []
        for client, _ in pairs:
            await loop.sock_sendall(client, b"hello")
            answers.append(await asyncio.wait_for(loop.sock_recv(client, 10), 5))
            client.close()
        assert parent.recv(10) == b"ttt"
        parent.close()
        await asyncio.wait_for(gone.wait(), 5)
        line.close()
        loop.remove_signal_handler(signal.SIGTERM)
        await asyncio.sleep(0.05)
        return answers

    assert asyncio.run(work()) == [b"hello"] * 3
    assert ended == [1]
