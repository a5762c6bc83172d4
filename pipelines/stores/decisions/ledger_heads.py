"""The newest seal of the ledger that this home has seen, in a file beside the database.

A ledger whose end was cut off, or that was made anew, no longer has it.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.core.errors import NotFound
from pipelines.stores.decisions.ledger_chain import Head
from pipelines.stores.storage.files import read_json, write_json

FILE = "ledger-head.json"
_WAIT = 10.0

_log = logging.getLogger("ratchet.ledger")


def keep_head(home: Path, ledger: str, head: Head) -> None:
    """Note the head unless a later one is known; `ledger` names the database, of which a home may use several.

    The decision is recorded by then: a folder that cannot be written is told in the log, and stops nothing.
    """
    lock = home / "locks" / "ledger-head.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=_WAIT):
            known = read_heads(home)
            if ledger not in known or known[ledger].position < head.position:
                content = {name: asdict(one) for name, one in {**known, ledger: head}.items()}
                write_json(home / FILE, content)
    except (OSError, Timeout) as error:
        _log.warning("the ledger's head could not be noted in %s: %s", home / FILE, error)


def read_heads(home: Path) -> dict[str, Head]:
    """The heads that were noted, by ledger; a file that was damaged says nothing."""
    try:
        return {name: Head(int(one["position"]), str(one["digest"])) for name, one in read_json(home / FILE).items()}
    except (NotFound, AttributeError, KeyError, TypeError, ValueError):
        return {}


def ledger_name(url: str) -> str:
    """What a database is called among the heads; never with a password.

    >>> ledger_name("sqlite:////home/ada/.ratchet/ratchet.db"), ledger_name("postgresql://ada:secret@host/loans")
    ('ratchet.db', 'host/loans')
    """
    place = url.split("://", 1)[-1].rsplit("@", 1)[-1].split("?", 1)[0]
    return Path(place).name if url.startswith("sqlite") else place
