"""The pages that show: overview, problem, timeline, entry, passport, and the documents beside them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from pipelines.core.errors import NotFound, RatchetError
from pipelines.stores.bundles.signing import open_verifier
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.passport import logged, make_passport
from services.console.admission import Refused, admit
from services.console.deeds import DEEDS
from services.console.documents import CARD_POLICY, SHEETS, backtest, backtests, release_sheet
from services.console.entry_view import entry_view
from services.console.health import SPANS
from services.console.metrics_page import MEDIA
from services.console.overview import overview
from services.console.passport_view import passport_parts
from services.console.problem_view import problem_view
from services.console.site_parts import Site, page, site_of
from services.console.story import story_lines

router = APIRouter()
_PER_PAGE = 40
_POLICY = "Content-Security-Policy"


@router.get("/")
def first(request: Request) -> Response:
    """Every problem."""
    site, caller = _read(request)
    around = site.desk.neighbours.now()
    return page(request, caller, "overview.html.j2", lines=overview(site.desk, around), around=around)


@router.get("/problems/{name}")
def problem(request: Request, name: str, span: str = "", by: str = "day", entry: int | None = None) -> Response:
    """One problem: its health now and over time, its champion, what was decided."""
    site, caller = _read(request)
    desk = site.desk
    desk.require(name)
    around = desk.neighbours.now()
    view = problem_view(desk, name, span or None, around)
    deeds = [(deed, deed.hindered(desk, name)) for deed in DEEDS.values()]
    values: dict[str, Any] = {
        "view": view,
        "around": around,
        "spans": list(SPANS),
        "traffic": site.traffic.of(name, by),
        "deeds": deeds,
        "done": _recorded(site, name, entry),
        "backtests": [one.name for one in backtests(desk.settings, name)],
    }
    return page(request, caller, "problem.html.j2", **values)


@router.get("/problems/{name}/timeline")
def timeline(request: Request, name: str, kind: str = "", outcome: str = "", before: int | None = None) -> Response:
    """Everything that was decided, with filters, forty at a time."""
    site, caller = _read(request)
    desk = site.desk
    desk.require(name)
    found = desk.pages.page(name, [kind] if kind else (), outcome or None, before, limit=_PER_PAGE + 1)
    shown = found[:_PER_PAGE]
    values: dict[str, Any] = {
        "name": name,
        "entries": shown,
        "lines": story_lines(shown),
        "more": len(found) > _PER_PAGE,
        "tally": desk.pages.tally(name),
        "kind": kind,
        "outcome": outcome,
        "before": before,
    }
    return page(request, caller, "timeline.html.j2", **values)


@router.get("/problems/{name}/entries/{number}")
@router.get("/problems/{name}/verdicts/{number}")
def entry(request: Request, name: str, number: int) -> Response:
    """One entry of the ledger with its evidence."""
    site, caller = _read(request)
    found = site.desk.pages.entry(number)
    if found.problem != name:
        raise NotFound(f"{name} has no entry {number}")
    return page(request, caller, "entry.html.j2", name=name, view=entry_view(found, site.desk.links))


@router.get("/problems/{name}/releases/{version}/{sheet}")
def document(request: Request, name: str, version: int, sheet: str) -> Response:
    """The model card or the datasheet of a release."""
    site, _ = _read(request)
    if sheet not in SHEETS:
        raise NotFound(f"a release has no {sheet!r}: it has {' and '.join(SHEETS)}")
    content = release_sheet(site.desk.settings, name, version, sheet)
    return Response(content, media_type="text/html; charset=utf-8", headers={_POLICY: CARD_POLICY})


@router.get("/problems/{name}/backtests/{report}")
def replayed(request: Request, name: str, report: str) -> Response:
    """What a backtest wrote."""
    site, _ = _read(request)
    content = backtest(site.desk.settings, name, report)
    return Response(content, media_type="text/html; charset=utf-8", headers={_POLICY: CARD_POLICY})


@router.get("/passport")
def passport(request: Request, id: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Where one answer comes from."""
    site, caller = _read(request)
    wanted, answer, parts, trouble = id.strip(), None, [], None
    if wanted:
        desk = site.desk
        try:
            answer = logged(desk.log, wanted)
            find, verifier = LeanRegistry(desk.settings).release, open_verifier(desk.settings.verify_key)
            parts = passport_parts(answer, make_passport(desk.ledger, find, verifier, answer))
        except RatchetError as error:
            trouble = str(error)
    values = {"wanted": wanted, "answer": answer, "parts": parts, "trouble": trouble}
    return page(request, caller, "passport.html.j2", status=404 if trouble else 200, **values)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """What Prometheus asks for; without a key that may read it is told so in words, not sent to a page for people."""
    try:
        site, _ = _read(request)
    except Refused as error:
        return Response(str(error), error.status, media_type="text/plain; charset=utf-8")
    return Response(site.metrics.text(), headers={"Content-Type": MEDIA})


@router.get("/problems")
def problems(request: Request) -> Response:
    """The overview, for whoever cuts an address short."""
    return RedirectResponse("/", 303)


def _read(request: Request) -> tuple[Site, Any]:
    site = site_of(request)
    return site, admit(site.desk, request, "read")


def _recorded(site: Site, name: str, number: int | None) -> Any:
    """The entry that an action has just left, to say so; None for any other."""
    if number is None:
        return None
    try:
        found = site.desk.pages.entry(number)
    except NotFound:
        return None
    return found if found.problem == name else None
