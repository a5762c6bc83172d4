"""What every route needs: the site that a request came to, and a page made for whoever asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pipelines.core.exposure import keys_required
from services.console.admission import COOKIE, Caller
from services.console.desk import Desk
from services.console.metrics_page import MetricsPage
from services.console.pages import render
from services.console.sessions import Session
from services.console.traffic_view import TrafficViews


@dataclass(frozen=True)
class Site:
    """The console of one home."""

    desk: Desk
    traffic: TrafficViews
    metrics: MetricsPage


def site_of(request: Request) -> Site:
    """The site that the application holds."""
    site: Site = request.app.state.site
    return site


def page(request: Request, caller: Caller | None, template: str, status: int = 200, **values: Any) -> Response:
    """A page from its template, with what all of them show."""
    desk = site_of(request).desk
    common = {
        "now": desk.clock(),
        "links": desk.links,
        "keyed": keys_required(desk.settings),
        "signed_in": caller is not None and caller.key is not None,
        "path": request.url.path,
    }
    return HTMLResponse(render(template, **common, **values), status)


def keep_session(response: Response, request: Request, session: Session) -> Response:
    """Give the browser its session: scripts cannot read it, other sites cannot send it."""
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(COOKIE, session.name, httponly=True, samesite="strict", secure=secure, path="/")
    return response
