"""Passports: what stands behind an answer that was given, for whoever asks later."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.bundles.signing import open_verifier
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.registry.registry_reader import RegistryReader
from pipelines.stores.releases.passport import logged, make_passport


class Passports:
    """Looks into log, ledger and registry; the ledger is opened when it is needed first."""

    def __init__(self, settings: Settings, log: PredictionLog, reader: RegistryReader) -> None:
        self._settings, self._log, self._reader = settings, log, reader
        self._verifier = open_verifier(settings.verify_key)
        self._opening = threading.Lock()
        self._ledger: Ledger | None = None

    def close(self) -> None:
        """Give the ledger's connections back."""
        with self._opening:
            if self._ledger is not None:
                self._ledger.close()

    async def of(self, prediction_id: str) -> dict[str, Any]:
        """The answer as it was given, its labels, and its passport; NotFound when there is none."""
        return await asyncio.to_thread(self._find, prediction_id)

    def _find(self, prediction_id: str) -> dict[str, Any]:
        answer = logged(self._log, prediction_id)
        return {**answer, "passport": make_passport(self._opened(), self._reader.release, self._verifier, answer)}

    def _opened(self) -> Ledger:
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger(self._settings.database)
            return self._ledger
