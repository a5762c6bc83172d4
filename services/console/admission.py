"""Who may see and do what: an API key, by header or signed in with, and a token that each form sends back.

Where the console answers this machine alone no key is asked for (as in the prediction service); then it answers to no
other name than this machine's, so that a page of somebody else's cannot reach it by a name that points here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request

from pipelines.core.errors import RatchetError
from pipelines.core.exposure import is_loopback, keys_required
from pipelines.stores.api_keys import SCOPES, KnownKey, digest_of
from services.console.desk import Desk
from services.console.sessions import Session, same_token

COOKIE = "ratchet_console"
_LONGEST = 200  # characters: a key has 59
_MOST_FORM = 20_000  # bytes


class Refused(RatchetError):
    """A request that is turned away, with its HTTP status; `to` is where a person goes on instead."""

    def __init__(self, status: int, message: str, to: str | None = None) -> None:
        super().__init__(message)
        self.status, self.to = status, to


@dataclass(frozen=True)
class Caller:
    """Who asks: a key, or `local` where none is needed; with the session of its browser, if there is one."""

    key: KnownKey | None
    session: Session | None
    by_header: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """What this caller may do."""
        return frozenset(SCOPES) if self.key is None else self.key.caller_scopes


def admit(desk: Desk, request: Request, scope: str) -> Caller:
    """Who sent this request; Refused unless it may do what `scope` says."""
    _require_own_name(desk, request)
    session = session_of(desk, request)
    sent = _sent_key(request)
    if sent is not None:
        caller = Caller(find_key(desk, sent), session, by_header=True)
        if caller.key is None:
            raise Refused(401, "this API key is not known, has expired or was revoked")
    else:
        signed_in = None if session is None or session.digest is None else _in_force(desk, session.digest)
        caller = Caller(signed_in, session)
        if signed_in is None and keys_required(desk.settings):
            raise Refused(401, "sign in with an API key", to=f"/sign-in?next={quote(_here(request))}")
    if scope not in caller.scopes:
        raise Refused(403, f"this key has not the scope {scope}: sign in with one that has it", to=None)
    return caller


def session_of(desk: Desk, request: Request) -> Session | None:
    """The session of the browser that sent this request, if it has one."""
    return desk.sessions.find(request.cookies.get(COOKIE))


def find_key(desk: Desk, sent: str) -> KnownKey | None:
    """The key in force that was sent; None when there is none."""
    return None if len(sent) > _LONGEST else _in_force(desk, digest_of(sent.strip().encode()))


def actor_of(desk: Desk, caller: Caller, given: str) -> str:
    """The name that goes on record: that of the key, or, where no key is needed, the one that was given."""
    if caller.key is not None:
        known = {one.id: one.name for one in desk.key_names.all()}
        return known.get(caller.key.id, caller.key.id)
    if not given.strip():
        raise Refused(422, "give your name: it goes on record with what you do")
    return given.strip()[:100]


async def read_form(request: Request, caller: Caller) -> dict[str, list[str]]:
    """The fields of a form that came from a page of this very session; Refused otherwise."""
    if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        raise Refused(415, "send a form: application/x-www-form-urlencoded")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM:
            raise Refused(413, "the form is too long")
    form: dict[str, list[str]] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=60):
        form.setdefault(name, []).append(value)
    if not caller.by_header:  # no other site can send a header of its own choice
        _require_own_page(request, caller.session, form)
    return form


def field(form: Mapping[str, list[str]], name: str) -> str:
    """One field of a form, empty when it was not sent."""
    return form.get(name, [""])[0].strip()


def _require_own_page(request: Request, session: Session | None, form: Mapping[str, list[str]]) -> None:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "this form was sent from another site")
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(origin or "").netloc != request.headers.get("host"):
        raise Refused(403, "this form was sent from another site")
    if session is None or not same_token(session, field(form, "token")):
        raise Refused(403, "this form is too old or not from here: go back, load the page again and confirm once more")


def _require_own_name(desk: Desk, request: Request) -> None:
    if keys_required(desk.settings):
        return
    told = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    ours = urlsplit(desk.settings.console).hostname
    if not is_loopback(told) and told != ours:
        raise Refused(421, "this console answers on this machine alone; RATCHET_CONSOLE_URL names another address")


def _in_force(desk: Desk, digest: bytes) -> KnownKey | None:
    found = desk.keys.find(digest)
    return None if found is None or (found.expires is not None and found.expires <= time.time()) else found


def _sent_key(request: Request) -> str | None:
    bearer = request.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip()
    return request.headers.get("x-api-key")


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
