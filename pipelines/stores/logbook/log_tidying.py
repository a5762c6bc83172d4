"""SQLite's write-ahead log is taken over into the database's file beside the appending, not within a commit.

SQLite's own way is to do it in the commit that fills the log: whoever waits for that one waits twenty times as long.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from pipelines.stores.sql.database import PAGE

SOON = 8_000
"""Pages after which the tidying begins: 32 MB. Whoever commits meanwhile waits longer: once in 800 commits that is one
in a thousand answers, once in a hundred it was the slowest of each hundred."""
AT_LAST = 32_000
"""Pages after which it is done within a commit after all: nobody has called `tidy`, or it does not keep up."""
_REST = 64  # pages that may be left for between two commits
_PASSES = 3  # that the thread takes for it: while one goes on, more is committed
_TAKE_OVER = "PRAGMA wal_checkpoint(PASSIVE)"  # waits for no reader and no writer


class Tidying:
    """One thread with a connection of its own does most of it while commits go on; a short rest is done between two.

    Only the rest, with nobody writing meanwhile, brings the write-ahead log back to its beginning.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._pages = 0
        self._nearly = False  # the thread has done its part
        self._wanted = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def prepare(self, connection: Any) -> None:
        """Keep SQLite from doing it in the commits of this connection."""
        connection.cursor().execute("PRAGMA wal_autocheckpoint=0")

    def note(self, size: int, connection: Any) -> None:
        """So many bytes were committed on this connection."""
        self._pages += size // PAGE + 5  # the indexes' pages, and what is left of the last one
        if self._pages >= AT_LAST:
            self._finish(connection)

    def tidy(self, connection: Any) -> None:
        """Between two commits: begin, or do the rest."""
        if self._nearly:
            self._finish(connection)
        elif self._pages >= SOON and not self._wanted.is_set():
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-tidying", daemon=True)
                self._thread.start()
            self._wanted.set()

    def close(self) -> None:
        """End the thread."""
        self._ended = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _finish(self, connection: Any) -> None:
        self._pages, self._nearly = 0, False
        with suppress(self._engine.dialect.loaded_dbapi.Error):  # whatever it is, a later one may succeed
            connection.cursor().execute(_TAKE_OVER).fetchall()

    def _take_over(self, connection: Any) -> None:
        for _ in range(_PASSES):
            _, there, taken = connection.cursor().execute(_TAKE_OVER).fetchone()
            if there - taken <= _REST:
                return

    def _run(self) -> None:
        connection = self._engine.raw_connection()
        try:
            while not self._ended:  # asked before each wait: `close` may have called just before the last `clear`
                self._wanted.wait()
                if self._ended:
                    return
                with suppress(self._engine.dialect.loaded_dbapi.Error):
                    self._take_over(connection)
                self._wanted.clear()
                self._nearly = True
        finally:
            connection.close()
