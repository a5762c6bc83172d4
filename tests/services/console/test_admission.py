from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.stores.api_keys import ApiKeys

NOW = datetime.now(UTC)


def key(site: Any, name: str, *scopes: str, lifetime: timedelta | None = None) -> str:
    keys = ApiKeys(site.settings.database)
    secret = keys.create(name, scopes, at=NOW, by="test", lifetime=lifetime)[1]
    keys.close()
    site.desk.keys.refresh()
    return secret


def sign_in(site: Any, secret: str, onward: str = "/") -> Any:
    return site.http.post("/sign-in", data={**site.form(f"/sign-in?next={onward}"), "key": secret})


def record(site: Any) -> None:
    site.desk.ledger.record("k", at=NOW, problem="p", kind="verdict", outcome="healthy", evidence={})


def test_without_a_key_a_person_is_sent_to_sign_in(guarded: Any) -> None:
    answer = guarded.get("/problems/p?span=year")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/problems/p%3Fspan%3Dyear")
    assert guarded.http.post("/problems/p/actions/retrain").status_code == 401


def test_a_key_signs_in_and_its_name_goes_on_record(guarded: Any) -> None:
    record(guarded)
    signed = sign_in(guarded, key(guarded, "ops", "admin"), "/problems/p")
    assert (signed.status_code, signed.headers["location"]) == (303, "/problems/p")
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert guarded.get("/problems/p").status_code == 200
    assert "On record as <strong>ops</strong>" in guarded.get("/problems/p/actions/silence").text
    guarded.do("p", "silence", hours="4", name="somebody else", reason="maintenance")
    assert guarded.desk.pages.page("p", limit=1)[0].actor == "ops"


def test_a_key_may_do_what_its_scope_says(guarded: Any) -> None:
    record(guarded)
    sign_in(guarded, key(guarded, "reader", "read"))
    assert guarded.get("/problems/p").status_code == 200
    refused = guarded.get("/problems/p/actions/silence")
    assert refused.status_code == 403
    assert "scope admin" in refused.text
    sign_in(guarded, key(guarded, "asker", "predict"))
    assert guarded.get("/").status_code == 403


def test_a_revoked_or_expired_key_ends_its_sessions(guarded: Any) -> None:
    sign_in(guarded, key(guarded, "ops", "admin"))
    assert guarded.get("/").status_code == 200
    keys = ApiKeys(guarded.settings.database)
    keys.revoke("ops", at=NOW)
    keys.close()
    guarded.desk.keys.refresh()
    assert guarded.get("/").status_code == 303
    old = key(guarded, "old", "admin", lifetime=timedelta(seconds=-1))
    assert sign_in(guarded, old).status_code == 401


def test_a_wrong_key_does_not_sign_in(guarded: Any) -> None:
    answer = sign_in(guarded, "rk_wrong_key")
    assert answer.status_code == 401
    assert "not known" in answer.text
    assert guarded.get("/").status_code == 303
    assert guarded.http.post("/sign-in", data={"key": key(guarded, "ops", "admin")}).status_code == 403  # no token


def test_a_key_by_header_needs_no_token(guarded: Any) -> None:
    record(guarded)
    secret = key(guarded, "script", "admin")
    for header in ({"authorization": f"Bearer {secret}"}, {"x-api-key": secret}):
        assert guarded.get("/problems/p", headers=header).status_code == 200
    form = {"hours": "4", "reason": "by a script"}
    headers = {"x-api-key": secret}
    assert guarded.http.post("/problems/p/actions/silence", data=form, headers=headers).status_code == 303
    assert guarded.get("/", headers={"x-api-key": "wrong"}).status_code == 401


def test_signing_out_ends_the_session(guarded: Any) -> None:
    sign_in(guarded, key(guarded, "ops", "admin"))
    name = guarded.http.cookies["ratchet_console"]
    session = guarded.desk.sessions.find(name)
    assert guarded.http.post("/sign-out", data={"token": session.token}).status_code == 303
    assert guarded.get("/").status_code == 303


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_this_site_alone(guarded: Any, onward: str) -> None:
    assert sign_in(guarded, key(guarded, "ops", "admin"), onward).headers["location"] == "/"


def test_a_page_for_this_machine_answers_to_no_other_name(site: Any) -> None:
    assert site.get("/", headers={"host": "evil.example:8002"}).status_code == 421
    for name in ("localhost:8002", "127.0.0.1", "[::1]:8002"):
        assert site.get("/", headers={"host": name}).status_code == 200
    assert site.get("/", headers={"x-api-key": "wrong"}).status_code == 401  # a wrong key is never ignored
