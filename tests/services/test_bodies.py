from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from services.prediction.guarding.bodies import read_body
from services.prediction.refusals import Refusal


class Sender:
    """A client that sends these messages, each after its pause in seconds; None pauses for good."""

    def __init__(self, *messages: tuple[float | None, dict[str, Any]]) -> None:
        self.messages = list(messages)
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        pause, message = self.messages.pop(0)
        if pause is None:
            await asyncio.get_running_loop().create_future()
        elif pause:
            await asyncio.sleep(pause)
        return message


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def read(sender: Sender, length: str | None = None, most: int = 10, seconds: float = 5.0) -> bytes:
    headers = {} if length is None else {"content-length": length}
    return asyncio.run(read_body(sender.receive, headers, most, seconds))


@pytest.mark.parametrize(
    "messages",
    [
        [(0, part(b"abcdef"))],
        [(0, part(b"abc", True)), (0, part(b"def"))],
        [(0.01, part(b"abcdef"))],
        [(0.01, part(b"abc", True)), (0, part(b"", True)), (0.01, part(b"def"))],
    ],
)
def test_a_body_comes_in_one_piece_or_several(messages: list[Any]) -> None:
    assert read(Sender(*messages), "6") == b"abcdef"
    assert read(Sender(*messages)) == b"abcdef"


def test_nothing_is_a_body_too() -> None:
    assert read(Sender((0, part(b"")))) == b""


def test_a_stated_length_is_checked_before_anything_is_read() -> None:
    sender = Sender()
    with pytest.raises(Refusal, match="10 bytes") as caught:
        read(sender, "11")
    assert (caught.value.status, sender.asked) == (413, 0)


@pytest.mark.parametrize("length", ["-1", "1.5", "", "ten", "٣", "9" * 5000])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(Sender(), length)
    assert caught.value.status == 400


def test_chunks_are_counted() -> None:
    sender = Sender((0, part(b"x" * 6, True)), (0, part(b"x" * 6, True)), (None, part(b"")))
    with pytest.raises(Refusal) as caught:
        read(sender)
    assert caught.value.status == 413
    with pytest.raises(Refusal):
        read(Sender((0, part(b"x" * 11))))


@pytest.mark.parametrize(
    "messages", [[(None, part(b""))], [(0, part(b"a", True)), (None, part(b""))], [(0.03, part(b"a", True))] * 40]
)
def test_a_slow_client_is_told_so(messages: list[Any]) -> None:
    with pytest.raises(Refusal, match=r"0\.2 seconds") as caught:
        read(Sender(*messages), most=1000, seconds=0.2)
    assert caught.value.status == 408


@pytest.mark.parametrize("pause", [0, 0.01])
def test_a_client_that_goes_away_is_not_answered(pause: float) -> None:
    with pytest.raises(ClientDisconnect):
        read(Sender((pause, {"type": "http.disconnect"})))
    with pytest.raises(ClientDisconnect):
        read(Sender((0, part(b"a", True)), (pause, {"type": "http.disconnect"})))


def test_a_reader_that_is_cancelled_lets_go() -> None:
    async def cancel() -> list[Any]:
        freed: list[Any] = []

        async def receive() -> dict[str, Any]:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                freed.append(True)
            return part(b"")

        task = asyncio.create_task(read_body(receive, {}, 10, 5.0))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return freed

    assert asyncio.run(cancel()) == [True]
