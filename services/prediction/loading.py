"""From the registry to a release that can answer: fetched, signature and digests verified, loaded, proven.

There is one way for champions and challengers. What was loaded is held for a while, so that going back to the
champion before, or on to the challenger, takes no loading.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE, open_verifier
from pipelines.stores.registry.registry_reader import RegistryReader
from services.prediction.last_good import incoming, shelve, shelved
from services.prediction.live_model import LiveModel, load_live

_log = logging.getLogger("ratchet.prediction")
_HELD = 2  # releases of a problem besides the champion: the one before it and a challenger
Stamp = tuple[int, int] | None
"""What changes whenever a history store is replaced."""


class Loading:
    """Loads releases; safe to share among threads."""

    def __init__(self, settings: Settings, reader: RegistryReader) -> None:
        self._settings, self._reader = settings, reader
        self._verifier = open_verifier(settings.verify_key)
        self._held: dict[str, list[LiveModel]] = {}
        self._stamps: dict[tuple[str, int], Stamp] = {}
        self._lock = threading.Lock()

    def obtain(self, info: ReleaseInfo) -> LiveModel:
        """The release, ready to answer: held, or from the copies on disk, or fetched; ModelFileError if refused."""
        held = self.held(info.problem, info.version)
        if held is not None and _same(held.info, info):
            return held
        folder = shelved(self._settings, info)
        if folder is not None:
            try:
                model = self.load(folder, info)
                os.utime(folder.parent)
                return model
            except (RatchetError, OSError) as error:
                _log.warning("the copy of %s version %d is no good: %s", info.problem, info.version, error)
        self._require_signed(info)
        with incoming(self._settings, info.problem) as made:
            self._reader.fetch(info, made)
            folder = shelve(self._settings, info, made)
        return self.load(folder, info)

    def load(self, folder: Path, info: ReleaseInfo) -> LiveModel:
        """The release whose bundle lies in `folder`; nothing of it is read before signature and digests fit."""
        self._require_signed(info)
        stamp = self.stamp(info.problem)
        compiled = self._settings.compile == "auto"
        model = load_live(folder, info, self._settings.history(info.problem), compiled)
        self._stamps[info.problem, info.version] = stamp
        self.hold(model)
        return model

    def held(self, problem: str, version: int) -> LiveModel | None:
        """The release as it was loaded before, with the history of now; None when it must be loaded."""
        found = next((one for one in self._held.get(problem, ()) if one.info.version == version), None)
        if found is None:
            return None
        try:
            return self.renewed(found)
        except RatchetError:  # loading it says why
            return None

    def hold(self, *models: LiveModel | None) -> None:
        """Keep these at hand, the first for longest."""
        with self._lock:
            for model in reversed([one for one in models if one is not None]):
                problem, version = model.info.problem, model.info.version
                others = [one for one in self._held.get(problem, ()) if one.info.version != version]
                self._held[problem] = [model, *others][: _HELD + 1]

    def renewed(self, model: LiveModel) -> LiveModel:
        """The release with the history of now, itself where nothing changed; ModelFileError when it does not fit."""
        problem, version = model.info.problem, model.info.version
        stamp = self.stamp(problem)
        if stamp == self._stamps.get((problem, version)):
            return model
        self._stamps[problem, version] = stamp
        fresh = model.with_history(self._settings.history(problem))
        self.hold(fresh)
        return fresh

    def stamp(self, problem: str) -> Stamp:
        """What changes whenever the problem's history store is replaced."""
        try:
            found = (self._settings.history(problem) / "current.json").stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _require_signed(self, info: ReleaseInfo) -> None:
        if self._verifier is not None:
            self._verifier.require(info)


def _same(one: ReleaseInfo, other: ReleaseInfo) -> bool:
    tags = [tuple(info.tags.get(name) for name in (MANIFEST_DIGEST, SIGNATURE)) for info in (one, other)]
    return (one.version, one.run_id, one.digest, tags[0]) == (other.version, other.run_id, other.digest, tags[1])
