"""Which release answers for which problem: follows the alias `champion`, never serves what does not work."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.core.errors import NotFound, RatchetError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.registry_reader import RegistryReader
from pipelines.stores.release_info import ReleaseInfo
from services.prediction.last_good import copies, find_copy, forget_copy, incoming, keep_copy
from services.prediction.live_model import LiveModel, load_live
from services.prediction.metrics import Metrics

_log = logging.getLogger("ratchet.prediction")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # a problem's name; others in the registry are not ours to serve
_Stamp = tuple[int, int] | None


@dataclass(frozen=True)
class Refused:
    """A release, or a new history, kept out of service; it is not tried again until something changes."""

    version: int
    history: _Stamp
    reason: str
    at: datetime


class Champions:
    """The releases in service; one background thread follows the registry and swaps them whole.

    A request takes `live(problem)` once and keeps it: a swap never touches requests that are on their way.
    """

    def __init__(self, settings: Settings, reader: RegistryReader, metrics: Metrics) -> None:
        self._settings, self._reader, self._metrics = settings, reader, metrics
        self._live: dict[str, LiveModel] = {}
        self._known: dict[str, int | None] = {}
        self._refused: dict[str, Refused] = {}
        self._histories: dict[str, _Stamp] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champions", daemon=True)
        self.reached: datetime | None = None
        """When the registry last answered."""
        self.trouble: str | None = None
        """Why the registry does not answer now."""

    def start(self) -> None:
        """Put every champion into service, from the last good copies if MLflow is down; then follow."""
        self.refresh()
        if self.reached is None:
            for problem in copies(self._settings):
                self._start_from_copy(problem)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    def live(self, problem: str) -> LiveModel:
        """The release that answers for a problem; NotFound if unknown, Unavailable where none serves."""
        model = self._live.get(problem)
        if model is not None:
            return model
        if problem not in self._known:
            raise NotFound("no such model: GET /v1/models lists those that are served")
        refused = self._refused.get(problem)
        if refused is None:
            raise Unavailable(f"{problem} has no champion yet: no release has passed the gate")
        raise Unavailable(f"version {refused.version} of {problem} could not be put into service")

    def serving(self) -> list[LiveModel]:
        """Every release in service, by problem."""
        return [model for _, model in sorted(self._live.items())]

    def problems(self) -> list[str]:
        """Every problem that the registry or a copy knows, served or not."""
        return sorted(set(self._known) | set(self._live))

    def refused(self, problem: str) -> Refused | None:
        """What was last kept out of service for a problem, and why; None when nothing stands back."""
        return self._refused.get(problem)

    def registered(self, problem: str) -> int | None:
        """The version that the alias points to, as far as it is known."""
        return self._known.get(problem)

    def refresh(self) -> None:
        """Look once where the aliases point, and at the histories; bring what serves in line with them."""
        try:
            registered = self._reader.champions()
            known = {name: version for name, version in registered.items() if _NAME.fullmatch(name)}
            for problem, version in known.items():
                self._known[problem] = version
                self._follow_alias(problem, version)
            for problem in set(self._live) - set(known):
                self._withdraw(problem)
            self._known = known
            self.reached, self.trouble = datetime.now(UTC), None
        except Unavailable as error:
            if self.trouble is None:
                _log.warning("serving on without the registry: %s", error)
            self.trouble = str(error)
        self._metrics.registry_up.set(self.trouble is None)
        for problem in list(self._live):
            self._follow_history(problem)

    def _follow(self) -> None:
        while not self._stop.wait(self._settings.poll_seconds):
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - a thread that dies would freeze the champions for good
                _log.exception("could not look for new champions; trying again")

    def _follow_alias(self, problem: str, version: int | None) -> None:
        if version is None:
            self._withdraw(problem)
            return
        model, refused = self._live.get(problem), self._refused.get(problem)
        if model is not None and model.info.version == version:
            return
        if refused is not None and (refused.version, refused.history) == (version, self._stamp(problem)):
            return
        info = self._reader.champion(problem)
        if info is None:
            return
        try:
            self._install(info)
        except Unavailable:
            raise  # the registry went away in between: the next look tries again
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a release, the old one must go on serving
            self._refuse(info, error)

    def _install(self, info: ReleaseInfo) -> None:
        """Fetch, verify, prove, keep a copy; only then serve it."""
        copy = find_copy(self._settings, info.problem)
        if copy is not None and _same(copy[0], info):
            try:
                self._serve(self._load(copy[1], info))
                return
            except (RatchetError, OSError) as error:
                _log.warning("the last good copy of %s is damaged, fetching it again: %s", info.problem, error)
        with incoming(self._settings, info.problem) as folder:
            self._reader.fetch(info, folder)
            model = self._load(folder, info)
            try:
                keep_copy(self._settings, info, folder)
            except OSError as error:  # a full disk must not keep a good release out
                _log.warning("no copy of %s version %d was kept: %s", info.problem, info.version, error)
        self._serve(model)

    def _load(self, folder: Path, info: ReleaseInfo) -> LiveModel:
        stamp = self._stamp(info.problem)
        model = load_live(folder, info, self._settings.history(info.problem))
        self._histories[info.problem] = stamp
        return model

    def _serve(self, model: LiveModel) -> None:
        problem = model.info.problem
        self._live[problem] = model
        self._refused.pop(problem, None)
        self._metrics.version.labels(problem).set(model.info.version)
        self._metrics.swaps.labels(problem).inc()
        _log.info("%s: version %d is in service", problem, model.info.version)

    def _start_from_copy(self, problem: str) -> None:
        found = find_copy(self._settings, problem)
        if found is None:
            return
        self._known.setdefault(problem, found[0].version)
        try:
            self._serve(self._load(found[1], found[0]))
        except Exception as error:  # noqa: BLE001 - one damaged copy must not keep the others out
            self._refuse(found[0], error)

    def _refuse(self, info: ReleaseInfo, error: Exception) -> None:
        reason = str(error) if isinstance(error, RatchetError) else f"{type(error).__name__}: {error}"
        now = datetime.now(UTC)
        self._refused[info.problem] = Refused(info.version, self._stamp(info.problem), reason, now)
        self._metrics.refusals.labels(info.problem).inc()
        _log.error("%s: version %d is not put into service: %s", info.problem, info.version, reason)

    def _withdraw(self, problem: str) -> None:
        self._refused.pop(problem, None)
        if self._live.pop(problem, None) is not None:
            forget_copy(self._settings, problem)
            self._metrics.version.labels(problem).set(0)
            _log.warning("%s: withdrawn, the registry has no champion any more", problem)

    def _follow_history(self, problem: str) -> None:
        stamp = self._stamp(problem)
        if stamp == self._histories.get(problem):
            return
        self._histories[problem] = stamp
        model = self._live[problem]
        try:
            self._live[problem] = model.with_history(self._settings.history(problem))
        except RatchetError as error:
            self._refuse(model.info, error)

    def _stamp(self, problem: str) -> _Stamp:
        """What changes whenever the history store is replaced."""
        try:
            found = (self._settings.history(problem) / "current.json").stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino


def _same(one: ReleaseInfo, other: ReleaseInfo) -> bool:
    return (one.version, one.run_id, one.digest) == (other.version, other.run_id, other.digest)
