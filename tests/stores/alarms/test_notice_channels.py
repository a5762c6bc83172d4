from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ProblemError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notice_channels import addresses, send, signed, written
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.sql.notice_tables import Notice

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def notice(number: int = 1, text: str = "p: alarm: performance\n- the loss rose by 0.1 – since 3 April") -> Notice:
    key = "p:health:7"
    body = {"id": f"{key}:{number}", "problem": "p", "text": text}
    return Notice(1, f"{key}:{number}", key, "p", "begun", ["performance"], NOW, NOW, "p: alarm\nBcc: x@y", body)


def test_every_address_of_the_settings_gets_its_own(settings: Settings) -> None:
    assert addresses(settings) == []
    given = Settings(alert_webhook="http://a/x, https://b/y", alert_email_to="ops@example.org,ada@example.org")
    assert [(one.channel, one.address) for one in addresses(given)] == [
        ("webhook", "http://a/x"),
        ("webhook", "https://b/y"),
        ("mail", "ops@example.org"),
        ("mail", "ada@example.org"),
    ]


@pytest.mark.parametrize("text", ["tell nobody", "whsec_" + base64.b64encode(b"tell nobody").decode()])
def test_a_post_is_json_with_a_stable_id_and_a_proof_of_who_sent_it(
    settings: Settings, post_offices: Any, tmp_path: Path, text: str
) -> None:
    (tmp_path / "secret").write_text(text + "\n")
    signing = Settings(webhook_secret=tmp_path / "secret")
    with post_offices.web_box() as box:
        for later in (timedelta(0), timedelta(hours=1)):
            send(signing, notice(), Address("webhook", box.url), NOW + later)
    (headers, content), (again, _) = box.taken
    assert json.loads(content)["text"].endswith("– since 3 April")
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == again["webhook-id"] == "p:health:7:1"
    signed_text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    proof = base64.b64encode(hmac.new(b"tell nobody", signed_text, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{proof}"
    assert again["webhook-signature"] != headers["webhook-signature"]  # the time is signed too


def test_without_a_secret_nothing_is_signed(settings: Settings) -> None:
    assert "webhook-signature" not in signed(b"{}", "id", NOW, None)


def test_an_address_that_does_not_take_it_is_said_without_its_secrets(settings: Settings, post_offices: Any) -> None:
    with post_offices.web_box() as box:
        box.answers = [500, 302]
        for status in (500, 302):
            with pytest.raises(Unavailable, match=f"127.0.0.1 answered {status}"):
                send(settings, notice(), Address("webhook", box.url), NOW)
        gone = box.url
    with pytest.raises(Unavailable, match="does not answer") as error:
        send(settings, notice(), Address("webhook", gone + "?token=abc"), NOW)
    assert "abc" not in str(error.value)
    assert box.taken == []


def test_mails_of_one_episode_belong_together(settings: Settings) -> None:
    first, second = (written(settings, notice(number), "ops@example.org") for number in (1, 2))
    assert first["Message-ID"] == written(settings, notice(1), "ada@example.org")["Message-ID"]
    assert first["Message-ID"] != second["Message-ID"]
    assert (first["References"], second["References"]) == (None, first["Message-ID"])
    assert first["Subject"] == "p: alarm Bcc: x@y"  # one line: no header can be smuggled in
    assert first["Bcc"] is None
    assert parsedate_to_datetime(first["Date"]) == NOW


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
def test_a_mail_is_handed_over_as_the_address_says(
    settings: Settings, post_offices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    certificate = post_offices.make_certificate(tmp_path / "server.pem") if scheme != "smtp" else None
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate or ""))
    with post_offices.mail_box(certificate, from_the_start=scheme == "smtps") as box:
        place = tmp_path / "smtp-url"
        place.write_text(f"{scheme}://ratchet:p%40ss@{box.url}\n")  # the secret may stand in a file
        given = Settings(smtp_url=str(place), alert_email_from="ratchet@example.org")
        send(given, notice(), Address("mail", "ops@example.org"), NOW)
    ((envelope, content),) = box.taken
    assert (box.user, box.encrypted) == ("ratchet:p@ss", scheme != "smtp")
    assert "<ops@example.org>" in envelope["to"]
    assert "<ratchet@example.org>" in envelope["from"]
    message = message_from_bytes(content)
    assert message["Auto-Submitted"] == "auto-generated"
    assert "the loss rose" in message.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_server_that_is_not_who_it_says_gets_no_mail(
    settings: Settings, post_offices: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with post_offices.mail_box(post_offices.make_certificate(tmp_path / "server.pem")) as box:
        given = Settings(smtp_url=f"smtp+starttls://ratchet:pass@{box.url}")
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            send(given, notice(), Address("mail", "ops@example.org"), NOW)
    assert (box.taken, box.user) == ([], None)


def test_a_mail_server_that_refuses_or_is_away_is_said(settings: Settings, post_offices: Any) -> None:
    with post_offices.mail_box() as box:
        box.answers = [451]
        given = Settings(smtp_url=f"smtp://{box.url}")
        with pytest.raises(Unavailable, match="451"):
            send(given, notice(), Address("mail", "ops@example.org"), NOW)
    with pytest.raises(Unavailable, match="did not take it"):
        send(given, notice(), Address("mail", "ops@example.org"), NOW)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "set RATCHET_SMTP_URL"),
        ({"smtp_url": "http://example.org"}, "begins with none of smtp://"),
        ({"smtp_url": "/no/such/file"}, "cannot be read"),
    ],
)
def test_what_is_set_wrongly_is_said(settings: Settings, values: dict[str, str], text: str) -> None:
    with pytest.raises(ProblemError, match=text):
        send(Settings(**values), notice(), Address("mail", "ops@example.org"), NOW)  # type: ignore[arg-type]


def test_a_secret_that_cannot_be_used_is_said(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whsec_%%%")
    with pytest.raises(ProblemError, match="no Base64"):
        send(Settings(webhook_secret=tmp_path / "secret"), notice(), Address("webhook", "http://127.0.0.1:9/x"), NOW)
