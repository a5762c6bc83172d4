"""How a notice reaches people: posted to a web address as signed JSON, or mailed.

The id of a notice is the same in every try (`webhook-id`, `Message-ID`), so that whoever gets one twice can tell. Posts
are signed as Standard Webhooks says (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import smtplib
import socket
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pipelines.core.errors import ProblemError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.sql.notice_tables import Notice

SECONDS = 10.0  # that the other side may take
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def addresses(settings: Settings) -> list[Address]:
    """Where every notice goes by these settings."""
    posts = [Address("webhook", one) for one in settings.webhooks]
    return posts + [Address("mail", one) for one in settings.mail_to]


def send(settings: Settings, notice: Notice, to: Address, now: datetime) -> None:
    """Hand the notice over; Unavailable with the reason when the other side did not take it."""
    if to.channel == "webhook":
        _post(settings, notice, to.address, now)
    else:
        _mail(settings, notice, to.address)


def signed(content: bytes, notice_id: str, now: datetime, secret: bytes | None) -> dict[str, str]:
    """The headers of a post: what it is, and with a secret the proof of who sent it.

    >>> from datetime import UTC
    >>> signed(b"{}", "p:health:7:1", datetime(2026, 1, 1, tzinfo=UTC), None)["webhook-timestamp"]
    '1767225600'
    """
    stamp = str(int(now.timestamp()))
    headers = {"content-type": "application/json", "webhook-id": notice_id, "webhook-timestamp": stamp}
    if secret is not None:
        proof = hmac.new(secret, b".".join([notice_id.encode(), stamp.encode(), content]), hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(proof).decode()}"
    return headers


def _post(settings: Settings, notice: Notice, url: str, now: datetime) -> None:
    import httpx

    content = json.dumps(notice.body, ensure_ascii=False, allow_nan=False, default=str).encode()
    headers = signed(content, notice.key, now, _secret(settings)) | {"user-agent": "ratchet"}
    try:
        answer = httpx.post(url, content=content, headers=headers, timeout=SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"{_host(url)} does not answer ({type(error).__name__}: {error})") from error
    if not answer.is_success:
        raise Unavailable(f"{_host(url)} answered {answer.status_code}: {answer.text[:200]}")


def _secret(settings: Settings) -> bytes | None:
    if settings.webhook_secret is None:
        return None
    text = _read(settings.webhook_secret, "RATCHET_WEBHOOK_SECRET")
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ProblemError(f"{settings.webhook_secret} begins with whsec_ and is no Base64: {error}") from error


def _mail(settings: Settings, notice: Notice, to: str) -> None:
    message = written(settings, notice, to)
    try:
        server = urlsplit(_smtp_url(settings))
        with _connected(server.scheme, server.hostname or "", server.port or _PORTS[server.scheme]) as smtp:
            if server.username is not None:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        raise Unavailable(f"the mail server did not take it ({type(error).__name__}: {error})") from error


def written(settings: Settings, notice: Notice, to: str) -> EmailMessage:
    """The mail: mails of one episode refer to its first, so that programs show them together."""
    message = EmailMessage()
    message["From"] = settings.alert_email_from or f"ratchet@{socket.getfqdn()}"
    message["To"] = to
    message["Subject"] = " ".join(notice.subject.split())
    message["Date"] = format_datetime(notice.made_at)
    message["Message-ID"] = _message_id(notice.key)
    first = f"{notice.episode}:1"
    if notice.key != first:
        message["In-Reply-To"] = message["References"] = _message_id(first)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(str(notice.body.get("text", notice.subject)) + "\n")
    return message


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    trusted = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=trusted)
    smtp = smtplib.SMTP(host, port, timeout=SECONDS)
    if scheme == "smtp+starttls":
        smtp.starttls(context=trusted)
    return smtp


def _smtp_url(settings: Settings) -> str:
    url = settings.smtp_url
    if url is None:
        raise ProblemError("notices are to be mailed and no mail server is known: set RATCHET_SMTP_URL")
    if "://" not in url:
        url = _read(Path(url), "RATCHET_SMTP_URL")
    if urlsplit(url).scheme not in _PORTS:
        raise ProblemError(f"RATCHET_SMTP_URL begins with none of {', '.join(f'{one}://' for one in _PORTS)}")
    return url


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path} (of {name}) cannot be read: {error}") from error


def _message_id(key: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@ratchet.notices>"


def _host(url: str) -> Any:
    return urlsplit(url).hostname or "the address"  # the rest of it may be a secret
