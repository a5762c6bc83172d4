"""Which release answers for which problem: follows the alias `champion`, never serves what does not work."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines.core.errors import NotFound, RatchetError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.registry.registry_reader import RegistryReader
from services.prediction.last_good import copies, find_copy, forget_copy, keep_copy
from services.prediction.live_model import LiveModel
from services.prediction.loading import Loading, Stamp
from services.prediction.metrics import Metrics

_log = logging.getLogger("ratchet.prediction")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")  # a problem's name; others in the registry are not ours to serve


@dataclass(frozen=True)
class Refused:
    """A release, or a new history, kept out of service; it is not tried again until something changes."""

    version: int
    history: Stamp
    reason: str
    at: datetime


class Champions:
    """The releases in service; one background thread follows the registry and swaps them whole.

    A request takes `live(problem)` once and keeps it: a swap never touches requests that are on their way.
    """

    def __init__(self, settings: Settings, reader: RegistryReader, metrics: Metrics) -> None:
        self._settings, self._reader, self._metrics = settings, reader, metrics
        self._loading = Loading(settings, reader)
        self._live: dict[str, LiveModel] = {}
        self._known: dict[str, int | None] = {}
        self._waiting: dict[str, int] = {}
        self._refused: dict[tuple[str, str], Refused] = {}
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
        refused = self.refused(problem)
        if refused is None:
            raise Unavailable(f"{problem} has no champion yet: no release has passed the gate")
        raise Unavailable(f"version {refused.version} of {problem} could not be put into service")

    def find(self, problem: str) -> LiveModel | None:
        """The release that answers for a problem, if one does."""
        return self._live.get(problem)

    def serving(self) -> list[LiveModel]:
        """Every release in service, by problem."""
        return [model for _, model in sorted(self._live.items())]

    def problems(self) -> list[str]:
        """Every problem that the registry or a copy knows, served or not."""
        return sorted(set(self._known) | set(self._live))

    def refused(self, problem: str, alias: str = "champion") -> Refused | None:
        """What was last kept out of service for a problem, and why; None when nothing stands back."""
        return self._refused.get((problem, alias))

    def registered(self, problem: str) -> int | None:
        """The version that the alias `champion` points to, as far as it is known."""
        return self._known.get(problem)

    def waiting(self, problem: str) -> int | None:
        """The version that the alias `challenger` points to, as far as it is known."""
        return self._waiting.get(problem)

    def challenger(self, problem: str, version: int) -> LiveModel | None:
        """This release, loaded and proven as a champion is; None while it is refused or cannot be fetched."""
        held = self._loading.held(problem, version)
        if held is not None:
            return held
        if self._stands(problem, "challenger", version):
            return None
        try:
            info = self._reader.release(problem, version)
            model = self._loading.obtain(info)
        except Unavailable:
            return None
        except Exception as error:  # noqa: BLE001 - told by `refused`; the champion serves on
            self._refuse(problem, "challenger", version, error)
            return None
        self._refused.pop((problem, "challenger"), None)
        return model

    def refresh(self) -> None:
        """Look once where the aliases point, and at the histories; bring what serves in line with them."""
        try:
            aliases = {name: found for name, found in self._reader.aliases().items() if _NAME.fullmatch(name)}
            self._waiting = {name: one["challenger"] for name, one in aliases.items() if "challenger" in one}
            for problem, found in aliases.items():
                version = found.get("champion")
                self._known[problem] = version
                self._follow_alias(problem, version)
            for problem in set(self._live) - set(aliases):
                self._withdraw(problem)
            self._known = {name: found.get("champion") for name, found in aliases.items()}
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
        model = self._live.get(problem)
        if model is not None and model.info.version == version:
            return
        if self._stands(problem, "champion", version):
            return
        try:
            self._install(self._reader.release(problem, version))
        except Unavailable:
            raise  # the registry went away in between: the next look tries again
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a release, the old one must go on serving
            self._refuse(problem, "champion", version, error)

    def _install(self, info: ReleaseInfo) -> None:
        """Fetch, verify, prove; only then serve it and keep it as the last good one."""
        self._serve(self._loading.obtain(info))
        try:
            keep_copy(self._settings, info)
        except OSError as error:  # a full disk must not keep a good release out
            _log.warning("no copy of %s version %d was kept: %s", info.problem, info.version, error)

    def _serve(self, model: LiveModel) -> None:
        problem = model.info.problem
        before = self._live.get(problem)
        self._live[problem] = model
        self._loading.hold(model, before)
        self._refused.pop((problem, "champion"), None)
        self._metrics.version.labels(problem).set(model.info.version)
        self._metrics.compiled.labels(problem).set(model.compiled is not None)
        self._metrics.swaps.labels(problem).inc()
        _log.info("%s: version %d is in service", problem, model.info.version)

    def _start_from_copy(self, problem: str) -> None:
        found = find_copy(self._settings, problem)
        if found is None:
            return
        info = found[0]
        self._known.setdefault(problem, info.version)
        try:
            self._serve(self._loading.load(found[1], info))
        except Exception as error:  # noqa: BLE001 - one damaged copy must not keep the others out
            self._refuse(problem, "champion", info.version, error)

    def _stands(self, problem: str, alias: str, version: int) -> bool:
        """Whether this version was refused and nothing has changed since."""
        refused = self._refused.get((problem, alias))
        if refused is None:
            return False
        return (refused.version, refused.history) == (version, self._loading.stamp(problem))

    def _refuse(self, problem: str, alias: str, version: int, error: Exception) -> None:
        reason = str(error) if isinstance(error, RatchetError) else f"{type(error).__name__}: {error}"
        now = datetime.now(UTC)
        self._refused[problem, alias] = Refused(version, self._loading.stamp(problem), reason, now)
        self._metrics.refusals.labels(problem).inc()
        _log.error("%s: version %d is not put into service as %s: %s", problem, version, alias, reason)

    def _withdraw(self, problem: str) -> None:
        self._refused.pop((problem, "champion"), None)
        if self._live.pop(problem, None) is not None:
            forget_copy(self._settings, problem)
            self._metrics.version.labels(problem).set(0)
            _log.warning("%s: withdrawn, the registry has no champion any more", problem)

    def _follow_history(self, problem: str) -> None:
        model = self._live[problem]
        try:
            renewed = self._loading.renewed(model)
        except RatchetError as error:
            self._refuse(problem, "champion", model.info.version, error)
            return
        if renewed is not model:
            self._live[problem] = renewed
        if renewed.history_as_of is not None:
            self._metrics.history_as_of.labels(problem).set(renewed.history_as_of.timestamp())
