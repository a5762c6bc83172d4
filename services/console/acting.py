"""The pages that do: a confirmation before each action, the action itself, signing in and out."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from pipelines.core.errors import NotFound, RatchetError
from pipelines.stores.api_keys import digest_of
from services.console.admission import Caller, Refused, actor_of, admit, field, find_key, read_form, session_of
from services.console.deeds import DEEDS, Ask, Deed, Form
from services.console.desk import Desk
from services.console.phrases import read_moment
from services.console.site_parts import keep_session, page, site_of

router = APIRouter()
_FRESH = timedelta(hours=1)
"""How long a confirmation page may stand open and still give its moment to what it does."""


@router.get("/problems/{name}/actions/{action}")
def confirm(request: Request, name: str, action: str) -> Response:
    """What an action will do, and the form that confirms it."""
    desk, deed = site_of(request).desk, _deed(action)
    caller = admit(desk, request, "admin")
    desk.require(name)
    return _confirmation(request, caller, deed, name, {}, None)


@router.post("/problems/{name}/actions/{action}")
async def act(request: Request, name: str, action: str) -> Response:
    """Do it; the page that follows says which entry of the ledger it left."""
    desk, deed = site_of(request).desk, _deed(action)
    caller = await run_in_threadpool(admit, desk, request, "admin")
    form = await read_form(request, caller)
    return await run_in_threadpool(_act, request, caller, deed, name, form)


def _act(request: Request, caller: Caller, deed: Deed, name: str, form: Form) -> Response:
    desk = site_of(request).desk
    desk.require(name)
    reason = field(form, "reason")
    try:
        actor = actor_of(desk, caller, field(form, "name"))
        if not reason:
            raise Refused(422, "give a reason: whoever reads the ledger later wants to know")
        entry = deed.act(Ask(desk, name, actor, reason[:500], _moment_of(desk, form), form))
    except RatchetError as error:  # shown on the page that asked, with everything that was filled in
        status = error.status if isinstance(error, Refused) else 409
        return _confirmation(request, caller, deed, name, form, str(error), status)
    return RedirectResponse(f"/problems/{quote(name)}" + (f"?entry={entry}" if entry is not None else ""), 303)


@router.get("/sign-in")
def sign_in(request: Request, next: str = "/") -> Response:
    """The form that takes an API key."""
    desk = site_of(request).desk
    session = desk.sessions.open()
    made = page(request, None, "sign_in.html.j2", next=_own(next), token=session.token, trouble=None)
    return keep_session(made, request, session)


@router.post("/sign-in")
async def take_key(request: Request) -> Response:
    """Sign in with a key; the browser gets a new session that stands for it."""
    desk = site_of(request).desk
    before = session_of(desk, request)
    form = await read_form(request, Caller(None, before))
    key, onward = field(form, "key"), _own(field(form, "next"))
    if find_key(desk, key) is None:
        await run_in_threadpool(desk.keys.refresh)  # it may have been made a moment ago
    if find_key(desk, key) is None:
        trouble = "this API key is not known, has expired or was revoked"
        token = before.token if before is not None else ""
        return page(request, None, "sign_in.html.j2", 401, next=onward, token=token, trouble=trouble)
    if before is not None:
        desk.sessions.end(before.name)
    session = desk.sessions.open(digest_of(key.encode()))
    return keep_session(RedirectResponse(onward, 303), request, session)


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    desk = site_of(request).desk
    session = session_of(desk, request)
    await read_form(request, Caller(None, session))
    if session is not None:
        desk.sessions.end(session.name)
    return RedirectResponse("/sign-in", 303)


def _confirmation(
    request: Request, caller: Caller, deed: Deed, name: str, form: Form, trouble: str | None, status: int = 200
) -> Response:
    desk = site_of(request).desk
    hindered = deed.hindered(desk, name)
    session = caller.session or desk.sessions.open(None)
    asked_at = field(form, "at") or desk.clock().isoformat()
    values = {
        "name": name,
        "deed": deed,
        "questions": [] if hindered else deed.ask(desk, name),
        "hindered": hindered,
        "actor": None if caller.key is None else actor_of(desk, caller, ""),
        "token": session.token,
        "asked_at": asked_at,
        "form": form,
        "trouble": trouble,
    }
    return keep_session(page(request, caller, "action.html.j2", status, **values), request, session)


def _deed(action: str) -> Deed:
    found = DEEDS.get(action)
    if found is None:
        raise NotFound(f"there is no action {action!r}: choose from {', '.join(DEEDS)}")
    return found


def _moment_of(desk: Desk, form: Form) -> datetime:
    """When the confirmation page was made: confirming it twice is one decision. Now for a page that is too old."""
    now, asked = desk.clock(), read_moment(field(form, "at"))
    return asked if asked is not None and timedelta(0) <= now - asked <= _FRESH else now


def _own(address: str) -> str:
    """An address on this very site, however it was written; the first page for any other."""
    parts = urlsplit(address)
    inside = not parts.scheme and not parts.netloc and address.startswith("/") and address[1:2] not in ("/", "\\")
    return address if inside and "\\" not in address and not any(ord(one) < 32 for one in address) else "/"
