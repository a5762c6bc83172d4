"""What the pages are made from: opened once, shared by all requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipelines.core.errors import NotFound, RatchetError
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.api_keys import ApiKeys, KeyRing
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.decisions.ledger_pages import LedgerPages
from pipelines.stores.logbook.prediction_log import open_log
from pipelines.stores.problems.known_problems import known_problems
from pipelines.stores.problems.problem_files import parse_problem
from services.console.health import Windows
from services.console.links import Links
from services.console.neighbours import Neighbours
from services.console.sessions import Sessions


def wall_clock() -> datetime:
    """The moment that a page is made at."""
    return datetime.now(UTC)


@dataclass
class Desk:
    """The console's sources; `start` before the first page, `close` after the last."""

    settings: Settings
    clock: Callable[[], datetime] = wall_clock
    sessions: Sessions = field(default_factory=Sessions)
    _problems: dict[tuple[str, int], Problem] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        url = self.settings.database
        self.ledger: Ledger = open_ledger(self.settings)
        self.pages = LedgerPages(url)
        self.windows = Windows(self.pages)
        self.log = open_log(self.settings)
        self.notices = Notices(url)
        self.keys = KeyRing(self.settings)
        self.key_names = ApiKeys(url)
        self.links = Links(self.settings)
        self.neighbours = Neighbours(self.links)

    def start(self) -> Desk:
        """Follow the keys and the neighbours."""
        self.keys.start()
        self.neighbours.start()
        return self

    def close(self) -> None:
        """Let go of everything."""
        self.neighbours.close()
        for one in (self.keys, self.key_names, self.notices, self.log, self.pages, self.ledger):
            one.close()

    def problems(self) -> list[str]:
        """Every problem that was trained here or that the ledger knows of."""
        return sorted({*self.pages.problems(), *known_problems(self.settings)})

    def require(self, problem: str) -> None:
        """NotFound unless the problem is known here."""
        if not self.pages.knows(problem) and problem not in known_problems(self.settings):
            raise NotFound(f"no problem {problem!r} is known here: `ratchet train` makes it known")

    def problem(self, name: str, version: int | None) -> Problem | None:
        """The problem file of a version, as its release recorded it; None where that cannot be told."""
        if version is None:
            return None
        if (name, version) not in self._problems:
            entry = self.ledger.release_entry(name, version)
            text = None if entry is None else entry.evidence.get("problem_text")
            if not text:
                return None
            try:
                self._problems[name, version] = parse_problem(text, Path(f"{name}.yaml"))
            except RatchetError:  # written for another version of Ratchet: the page does without
                return None
        return self._problems[name, version]
