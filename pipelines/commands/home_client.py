"""A client of this home's own service, with a key for as long as it is open where the service asks for one."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from pipelines.core.errors import Unavailable
from pipelines.core.exposure import keys_required

if TYPE_CHECKING:
    from ratchet_client import Client

    from pipelines.core.settings import Settings

_SCOPES = ["predict", "label", "read"]
_LIFETIME = timedelta(hours=6)  # of a key whose process was killed before it could revoke it
_PATIENCE = 10.0  # seconds: a service that comes up may not have read its keys yet


@contextmanager
def home_client(settings: Settings, url: str, actor: str, max_rows: int) -> Iterator[Client]:
    """A client of the service at `url`, which is the one of this home: whoever owns the home may make a key for it.

    The key is in the ledger like every other, and revoked at the end.
    """
    from ratchet_client import Client

    # A key in the environment is another service's, and one that is sent is checked even where none is needed.
    if not keys_required(settings) and not os.environ.get("RATCHET_API_KEY"):
        with Client(url, timeout=60, max_rows=max_rows) as client:
            yield client
        return
    with _passing_key(settings, actor) as key, Client(url, key, timeout=60, max_rows=max_rows) as client:
        _await_welcome(client)
        yield client


@contextmanager
def _passing_key(settings: Settings, actor: str) -> Iterator[str]:
    from pipelines.commands.keys import make_key, revoke_key

    name = f"{actor}-{secrets.token_hex(4)}"  # one of its own: an earlier one may never have been revoked
    made, secret = make_key(settings, name, _SCOPES, actor, lifetime=_LIFETIME)
    try:
        yield secret
    finally:
        revoke_key(settings, made.id, actor)


def _await_welcome(client: Client) -> None:
    """Until the service knows the key."""
    from ratchet_client import Unauthorized

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            client.models()
            return
        except Unauthorized as error:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the service at {client.url} does not know the key that was made for it: "
                    "it looks for keys in another database (RATCHET_DATABASE_URL, RATCHET_HOME)"
                ) from error
        time.sleep(0.05)
