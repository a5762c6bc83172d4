"""What the stack needs before its services start, beside the database's tables: buckets, and keys for those that ask
the prediction service for its numbers.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pipelines.commands.keys import make_key, revoke_key
from pipelines.commands.wiring import read_settings
from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys, digest_of
from pipelines.stores.storage.files import write_atomic
from pipelines.stores.storage.objects import make_bucket

SECRETS = Path("/secrets")
KEYS = {"prometheus": "prometheus/prometheus_key", "console-numbers": "ratchet/ratchet_service_key"}
"""The file of each key: what Prometheus sends, and the console's setting `service_key`."""
ARTIFACTS = "s3://ratchet-artifacts"


def prepare() -> None:
    """Make what is missing; a second run finds everything there."""
    settings = read_settings()
    for url in (ARTIFACTS, settings.data_remote, settings.archive):
        if url is not None and url.startswith("s3://"):
            make_bucket(settings, url)
    for name, file in KEYS.items():
        make_key_file(settings, name, SECRETS / file)


def make_key_file(settings: Settings, name: str, path: Path) -> None:
    """A key that may read, in a file of its own; made anew where the file holds none that is in force.

    So it is after a kill in between, after `ratchet keys revoke`, and where a database came back from a backup beside
    other volumes. A key of that name whose file is gone is one that nobody has.
    """
    if not path.parent.is_dir() or (path.exists() and is_in_force(settings, path.read_bytes().strip())):
        return
    with suppress(NotFound):
        revoke_key(settings, name, "migrate")
    _, secret = make_key(settings, name, ["read"], "migrate")
    write_atomic(path, secret.encode())


def is_in_force(settings: Settings, key: bytes) -> bool:
    """Whether the database knows the key, not revoked."""
    store = ApiKeys(settings.database)
    try:
        return digest_of(key) in store.in_force()
    finally:
        store.close()


if __name__ == "__main__":
    prepare()
