from __future__ import annotations

from services.prediction.answer_heads import OwnLines, head_of
from services.prediction.doors import Reply


def test_the_servers_own_lines_follow_its_headers() -> None:
    lines, first = OwnLines(), [(b"date", b"today")]
    assert lines.of([]) == b""
    assert lines.of(first) == lines.of(first) == b"date: today\r\n"
    assert lines.of([(b"date", b"tomorrow"), (b"a", b"b")]) == b"date: tomorrow\r\na: b\r\n"


def test_a_reply_has_its_status_media_and_headers() -> None:
    reply = Reply(b"", "text/plain", 503, (("retry-after", "1"), ("connection", "close")))
    assert head_of(reply) == b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\n"
