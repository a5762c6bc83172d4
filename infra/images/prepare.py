"""What the stack needs before its services start, beside the database's tables: buckets, and a key for Prometheus."""

from __future__ import annotations

from pathlib import Path

from pipelines.commands.keys import make_key
from pipelines.commands.wiring import read_settings
from pipelines.stores.files import write_atomic
from pipelines.stores.objects import make_bucket

KEY = Path("/secrets/prometheus/prometheus_key")
ARTIFACTS = "s3://ratchet-artifacts"


def prepare() -> None:
    """Make what is missing; a second run finds everything there."""
    settings = read_settings()
    for url in (ARTIFACTS, settings.data_remote, settings.archive):
        if url is not None and url.startswith("s3://"):
            make_bucket(settings, url)
    if not KEY.exists() and KEY.parent.is_dir():
        _, secret = make_key(settings, "prometheus", ["read"], "migrate")
        write_atomic(KEY, secret.encode())


if __name__ == "__main__":
    prepare()
