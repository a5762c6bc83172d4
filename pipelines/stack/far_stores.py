"""The doctor's look at what is kept elsewhere: database, S3, releases, history, and the processes of a Dask cluster."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stack.far_services import clock_finding
from pipelines.stack.findings import Finding
from pipelines.stores.data.history_store import load_current
from pipelines.stores.problems.known_problems import known_problems
from pipelines.stores.registry.registry_reader import open_reader
from pipelines.stores.sql.database_facts import database_facts, is_server
from pipelines.stores.sql.schema import schema_state
from pipelines.stores.storage.objects import open_objects, reaching

OLDEST = 13
"""PostgreSQL: the log's partitions need what came with it."""


def far_stores(settings: Settings) -> Iterator[Finding]:
    """Every store that the settings place elsewhere; of the embedded stack only whether releases are whole."""
    if is_server(settings.database):
        yield from _database(settings)
    yield from _schema(settings)
    for name, url in {"data remote": settings.data_remote, "archive": settings.archive}.items():
        if url is not None:
            yield _objects(settings, name, url)
    yield from _releases(settings)
    yield from _problems(settings)
    if settings.history_root is not None:
        yield from _history(settings, settings.history_root)
    if settings.dask is not None:
        yield _dask(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        facts = database_facts(settings.database)
    except RatchetError as error:
        yield Finding("database", "error", str(error), "is it up, and is RATCHET_DATABASE_URL right?")
        return
    version = ".".join(map(str, facts.version))
    if facts.version >= (OLDEST,):
        yield Finding("database", "ok", f"PostgreSQL {version} at {facts.name}")
    else:
        yield Finding("database", "error", f"PostgreSQL {version} at {facts.name}", f"run {OLDEST} or later")
    yield clock_finding("database", facts.ahead_seconds)


def _schema(settings: Settings) -> Iterator[Finding]:
    if not is_server(settings.database) and not Path(settings.database.removeprefix("sqlite:///")).exists():
        return  # made when something is first recorded
    try:
        found = schema_state(settings.database)
    except RatchetError as error:
        yield Finding("tables", "error", f"cannot be read: {error}", "see the database first")
        return
    if found.state == "current":
        yield Finding("tables", "ok", f"revision {found.found}")
        return
    advice = (
        "stop older processes and run this version everywhere" if found.state == "ahead" else "`ratchet db upgrade`"
    )
    level = "error" if is_server(settings.database) or found.state == "ahead" else "warning"
    yield Finding("tables", level, f"{found.state}: revision {found.found}, wanted {found.wanted}", advice)  # type: ignore[arg-type]


def _objects(settings: Settings, name: str, url: str) -> Finding:
    """Written, read back and removed; one object for a moment."""
    content = uuid.uuid4().bytes
    try:
        place = open_objects(settings, url)
        path = place.path(f".doctor-{content.hex()}")
        with reaching(url):
            place.filesystem.pipe_file(path, content)
            same = place.filesystem.cat_file(path) == content
            place.filesystem.rm_file(path)
    except FileNotFoundError as error:
        return Finding(name, "error", f"{url}: {error}", "make the bucket, and give these credentials the right to it")
    except RatchetError as error:
        return Finding(name, "error", str(error), "see RATCHET_S3_ENDPOINT, the bucket and the credentials")
    if not same:
        return Finding(name, "error", f"{url} gave back something else than was written", "check the S3 server")
    return Finding(name, "ok", f"{url}: written, read and removed")


def _releases(settings: Settings) -> Iterator[Finding]:
    """Each champion's bundle is brought here as a service brings it, and is whole."""
    reader = open_reader(settings)
    try:
        for problem, version in reader.champions().items():
            if version is None:
                continue
            with tempfile.TemporaryDirectory() as folder:
                reader.fetch(reader.release(problem, version), Path(folder) / "bundle")
            yield Finding(f"release of {problem}", "ok", f"version {version} can be fetched and is whole")
    except RatchetError as error:
        yield Finding("releases", "error", str(error), "see MLflow and where its artifacts are")
    finally:
        reader.close()


def _problems(settings: Settings) -> Iterator[Finding]:
    """Problem files that were trained somewhere with this home, and are not to be seen from here."""
    for name, path in known_problems(settings).items():
        if not Path(path).is_file():
            advice = "mount it at the same path everywhere, or train the problem from where the file is now"
            yield Finding(f"problem {name}", "warning", f"{path} is not there: its schedules do not run", advice)


def _history(settings: Settings, root: Path) -> Iterator[Finding]:
    if not root.is_dir():
        yield Finding("history", "error", f"{root} is not there", "mount the folder, or set RATCHET_HISTORY_ROOT")
        return
    try:
        known = {one.name: load_current(one) for one in sorted(root.iterdir()) if one.is_dir()}
    except (RatchetError, OSError) as error:
        yield Finding("history", "error", str(error), "`ratchet materialise` makes it again")
        return
    listed = ", ".join(f"{name} as of {found[1]:%Y-%m-%d %H:%M}" for name, found in known.items() if found)
    yield Finding("history", "ok", f"{root}: {listed or 'nothing materialised yet'}")


def _dask(settings: Settings) -> Finding:
    from pipelines.stores.compute.cluster import open_cluster

    try:
        with open_cluster(settings) as cluster:
            workers = 0 if cluster is None else cluster.processes
            return Finding("dask", "ok", f"{settings.dask}: {workers} worker processes, with this very code")
    except RatchetError as error:
        return Finding(
            "dask", "error", str(error), "start scheduler and workers with this version, or unset RATCHET_DASK"
        )
