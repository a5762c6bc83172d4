"""A PostgreSQL server of the tests' own: made in a temporary folder, run as an ordinary user, reached by a socket."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
_QUICK = ("fsync=off", "full_page_writes=off", "max_connections=150", "listen_addresses=", "shared_buffers=64MB")
"""Nothing here outlives the machine; a kill of the server loses nothing all the same."""


@dataclass
class PostgresServer:
    """A running server; `make` gives a fresh empty database in it."""

    folder: Path
    programs: Path
    user: str | None
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = _QUICK
    made: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg://ratchet@/{name}?host={self.folder}"

    def make(self, template: str | None = None) -> str:
        """The address of a new database, empty or like `template`."""
        name = f"t{secrets.token_hex(6)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
        self.made.append(name)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.say(f"DROP DATABASE IF EXISTS {self.name(url)} WITH (FORCE)")

    def emptied(self, url: str) -> str:
        """The same address, once its tables hold nothing: guards against that are left out for once."""
        name = self.name(url)
        found = self.say("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name)
        tables = ", ".join(str(row[0]) for row in found if row[0] != "ratchet_schema")
        if tables:
            self.say(f"SET session_replication_role = replica; TRUNCATE {tables} RESTART IDENTITY", name)
        return url

    def name(self, url: str) -> str:
        """The name of the database at an address."""
        return url.split("@/", 1)[1].split("?", 1)[0]

    def say(self, statement: str, name: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the superuser; its rows."""
        with psycopg.connect(host=str(self.folder), user="ratchet", dbname=name, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        flags = [part for option in self.options for part in ("-c", option)]
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *flags]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=self.user, env=_plain())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.say("SELECT 1")
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.folder / "server.log").read_text()[-3000:]) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts everybody off, SIGQUIT leaves no time to tidy up."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None


@contextmanager
def running_server(options: tuple[str, ...] = ()) -> Iterator[PostgresServer]:
    """A server until the end of the block; the test is skipped where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path may not be long
    user = _ordinary_user()
    if user is not None:
        shutil.chown(folder, user)
    server = PostgresServer(folder, programs, user, options=(*_QUICK, *options))
    try:
        made = [
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            "ratchet",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run(made, check=True, capture_output=True, user=user, env=_plain(), cwd=folder)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Where the server's programs are: the newest version."""
    found = sorted((path for place in _PLACES for path in Path("/").glob(place[1:])), key=_version)
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).resolve().parent if on_path else None


def _version(path: Path) -> int:
    return int(path.parent.name) if path.parent.name.isdigit() else 0


def _ordinary_user() -> str | None:
    """Who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
