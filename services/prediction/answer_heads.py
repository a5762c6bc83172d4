"""The heads of answers that are written by hand: the status line and the headers, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from services.prediction.doors import Reply

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
"""Of the answer that nearly all requests get."""


class OwnLines:
    """The headers that the server puts on every answer, as lines: it replaces them once a second, for the date."""

    def __init__(self) -> None:
        self._of: Sequence[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def of(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The lines of these headers.

        >>> OwnLines().of([(b"a", b"1"), (b"b", b"2")])
        b'a: 1\\r\\nb: 2\\r\\n'
        """
        if headers is not self._of:
            self._of, self._lines = headers, b"".join(b"%b: %b\r\n" % one for one in headers)
        return self._lines


def head_of(reply: Reply) -> bytes:
    """The status line and the own headers of a reply, but for the one that the connection decides."""
    head = STATUS_LINE[reply.status] + b"content-type: " + reply.media.encode() + b"\r\n"
    own = (f"{name}: {value}\r\n" for name, value in reply.headers if name != "connection")
    return head + "".join(own).encode("latin-1")
