"""`ratchet keys`: who may use the prediction service."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, now
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.api_keys import ApiKey, ApiKeys

keys = typer.Typer(
    help="API keys of the prediction service: who may predict, label, read or administer. Each command takes --json.",
    no_args_is_help=True,
)


def _lifetime(text: str) -> timedelta:
    from pipelines.core.problem import parse_duration

    try:
        lifetime = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not timedelta(0) < lifetime < timedelta(days=36_500):
        raise typer.BadParameter("a key lives longer than no time and shorter than 100 years")
    return lifetime


By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it [default: your login].")]


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is: an application's name, for instance.")],
    scope: Annotated[
        list[str], typer.Option("--scope", "-s", help="predict, label, read or admin (all); give several as needed.")
    ],
    rate: Annotated[float | None, typer.Option("--rate", min=0.001, help="Requests per second [default: any].")] = None,
    expires: Annotated[
        timedelta | None, typer.Option("--expires", parser=_lifetime, metavar="DURATION", help="Such as 90d.")
    ] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Make a key and print it, this once: only a digest of it is kept. It works at once."""
    _check_name(name)
    made, secret = make_key(read_settings(), name, scope, by or getpass.getuser(), rate, expires)

    def show() -> None:
        remark(f"key {made.name} ({made.id}) for {', '.join(made.scopes)}; keep it now, it is not shown again:")
        typer.echo(secret)

    write_result({**_told(made), "key": secret}, json, show)


@keys.command("list")
def show_all(json: Json = False) -> None:
    """List every key that was ever made; none can be shown again."""
    with _keys(read_settings()) as store:
        found = [_told(one) | {"state": _state(one, now())} for one in store.all()]

    def show() -> None:
        columns = ("id", "name", "scopes", "rate", "state", "created_at", "created_by", "expires_at")
        rows = [[", ".join(one[c]) if c == "scopes" else one[c] for c in columns] for one in found]
        table("API keys", [column.replace("_at", "").replace("_", " ") for column in columns], rows)

    write_result({"keys": found}, json, show)


@keys.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="The key's name or public id.")],
    by: By = None,
    json: Json = False,
) -> None:
    """Revoke a key for good; services refuse it within a second."""
    found = revoke_key(read_settings(), key, by or getpass.getuser())
    write_result(_told(found), json, lambda: remark(f"key {found.name} ({found.id}) is revoked"))


def make_key(
    settings: Settings,
    name: str,
    scopes: list[str],
    actor: str,
    rate: float | None = None,
    lifetime: timedelta | None = None,
) -> tuple[ApiKey, str]:
    """A new key, recorded in the ledger, and the only sight of its secret."""
    at = now()
    with _keys(settings) as store:
        made, secret = store.create(name, scopes, at=at, by=actor, rate=rate, lifetime=lifetime)
    _record(settings, made, "create", at, actor)
    return made, secret


def revoke_key(settings: Settings, name_or_id: str, actor: str) -> ApiKey:
    """The key, revoked; recorded in the ledger."""
    at = now()
    with _keys(settings) as store:
        found = store.revoke(name_or_id, at=at)
    _record(settings, found, "revoke", at, actor)
    return found


@contextmanager
def _keys(settings: Settings) -> Iterator[ApiKeys]:
    from pipelines.stores.api_keys import ApiKeys

    with closing(ApiKeys(settings.database)) as store:
        yield store


def _check_name(name: str) -> None:
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise typer.BadParameter("a key's name has letters, digits, '.', '_' and '-', at most 63 of them")


def _record(settings: Settings, key: ApiKey, outcome: str, at: datetime, actor: str) -> None:
    """The ledger knows who made and revoked which key; the secret is nowhere in it."""
    from pipelines.stores.decisions.ledger import open_ledger

    reasons = [f"key {key.name} ({key.id}) for {', '.join(key.scopes)}"]
    evidence = {"id": key.id, "name": key.name, "scopes": list(key.scopes), "rate": key.rate}
    with closing(open_ledger(settings)) as ledger:
        ledger.record(
            f"key:{key.id}:{outcome}",
            at=at,
            problem="",  # a key is for all problems
            kind="key",
            outcome=outcome,
            actor=actor,
            reasons=reasons,
            evidence=evidence,
        )


def _told(key: ApiKey) -> dict[str, Any]:
    found = asdict(key)
    moments = {name: found[name] for name in ("created_at", "expires_at", "revoked_at")}
    return found | {
        name: None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
        for name, at in moments.items()
    }


def _state(key: ApiKey, at: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= at else "in force"
