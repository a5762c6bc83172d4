"""Challengers on trial beside the champion: which rows they take, and what is counted of them."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from pipelines.core.challenge.trial_routing import taken
from pipelines.core.challenge.trial_tally import Arm, Tally
from pipelines.core.errors import Unavailable
from pipelines.core.request_rows import CheckedRows
from pipelines.core.settings import Settings
from pipelines.stores.trials.rollouts import RolloutLog, RolloutRow
from pipelines.stores.trials.trial_log import TrialLog
from services.prediction.champions import Champions
from services.prediction.live_model import Columns, LiveModel
from services.prediction.metrics import Metrics
from services.prediction.trials.shadow import Task, Understudy
from services.prediction.trials.trial_plan import planned, unfit

_log = logging.getLogger("ratchet.prediction")
_SEEN = 100_000  # observations that wait to be counted: beyond it the oldest are forgotten


class Trial:
    """A challenger beside one champion; requests call it from the event loop, so nothing here takes long."""

    def __init__(
        self, row: RolloutRow, champion: LiveModel, model: LiveModel, understudy: Understudy, metrics: Metrics
    ) -> None:
        self.row, self.champion, self.model = row, champion, model
        self.mode, self.share = row.mode, row.share
        self.ended = False
        self._understudy = understudy
        self._tally = Tally(champion.info.run_id)
        self._seen: deque[tuple[Arm, int, float, bool]] = deque(maxlen=_SEEN)
        self._pairs: deque[tuple[int, float, float]] = deque(maxlen=_SEEN)
        self._dropped = 0
        labels = (row.problem, str(row.version), row.mode)
        self._count = {
            name: metrics.trial_rows.labels(*labels, name).inc for name in ("answered", "scored", "failed", "dropped")
        }

    def takes(self, rows: CheckedRows, count: int, routing: str | None) -> np.ndarray:
        """Which rows the challenger answers, shape (count,); the same ones whenever their key comes again."""
        if self._understudy.wants_timing:
            now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
            self._understudy.offer(Task(self, rows.columns, np.full(count, now), None))
        return taken(self.row.problem, self.share, rows.columns, count, self.row.key, routing)

    def observe(self, arm: Arm, rows: int, seconds: float, failed: bool) -> None:
        """One call of a model; `seconds` is 0 where it failed."""
        self._seen.append((arm, rows, seconds, failed))

    def compare(self, rows: int, champion: float, challenger: float) -> None:
        """Seconds that both arms took for the same rows."""
        self._pairs.append((rows, champion, challenger))

    def offer(self, champion: LiveModel, columns: Columns, times: np.ndarray, ids: list[str], count: int) -> None:
        """Rows that the champion answered: the sampled share of requests is scored by the challenger later."""
        # An id ends in random digits (UUIDv7), so they draw the sample.
        if int(ids[0][-8:], 16) >= self.share * 0x1_0000_0000 or champion is not self.champion:
            return
        if not self._understudy.offer(Task(self, columns, times, ids)):
            self._dropped += count

    def continue_from(self, before: Trial) -> None:
        """Go on counting where the same trial with an earlier history stopped."""
        self._tally, self._seen, self._pairs = before._tally, before._seen, before._pairs
        self._dropped = before._dropped

    def tally(self) -> Tally:
        """What was counted so far; only the guard's thread calls it."""
        tally = self._tally
        while self._seen:
            arm, rows, seconds, failed = self._seen.popleft()
            tally.arm(arm).count(rows, seconds, failed)
            if arm == "challenger":
                self._count["failed" if failed else "answered" if self.mode == "canary" else "scored"](rows)
        while self._pairs:
            rows, champion, challenger = self._pairs.popleft()
            tally.champion.time(rows, champion)
            tally.challenger.time(rows, challenger)
        self._count["dropped"](self._dropped - tally.dropped)
        tally.dropped = self._dropped
        return tally


class Rollouts:
    """The trials that are on in this process; a thread follows the database and the alias `challenger`."""

    def __init__(self, settings: Settings, champions: Champions, metrics: Metrics, follow: bool = True) -> None:
        self._settings, self._champions, self._metrics = settings, champions, metrics
        self.log, self.trial_log = RolloutLog(settings.database), TrialLog(settings.database)
        self.worker = uuid.uuid4().hex
        """This process among those that try the same challenger."""
        self._understudy = Understudy(self.trial_log.keep_shadows)
        self._trials: Mapping[str, Trial] = {}
        self._refused: Mapping[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="rollouts", daemon=True)
        if follow:
            self._thread.start()

    def active(self, problem: str) -> Trial | None:
        """The trial of a problem's challenger, if one is on."""
        return self._trials.get(problem)

    def trials(self) -> list[Trial]:
        """Every trial that is on."""
        return list(self._trials.values())

    def refused(self, problem: str) -> str | None:
        """Why a challenger that is to be tried is not."""
        return self._refused.get(problem)

    def end(self, trial: Trial) -> None:
        """Take a trial out of this process at once; the others follow the database."""
        trial.ended = True
        self._trials = {name: one for name, one in self._trials.items() if one is not trial}

    def close(self) -> None:
        """Stop following, and keep what was said in shadow."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._understudy.close()
        self.log.close()
        self.trial_log.close()

    def refresh(self) -> None:
        """Bring the trials in line with the database, the aliases and the problem files."""
        rows = self.log.current()
        trials: dict[str, Trial] = {}
        refused: dict[str, str] = {}
        for champion in self._champions.serving():
            problem = champion.info.problem
            version = self._champions.waiting(problem)
            row = planned(self.log, self.trial_log, champion, version, rows.get(problem), datetime.now(UTC))
            if row is None:
                continue
            trial, reason = self._tried(row, champion)
            if trial is not None:
                trials[problem] = trial
            else:
                refused[problem] = reason
        for problem, before in self._trials.items():
            if trials.get(problem) is not before:
                before.ended = True
        self._tell(trials, refused)
        self._trials, self._refused = trials, refused

    def _tried(self, row: RolloutRow, champion: LiveModel) -> tuple[Trial | None, str]:
        """The trial of this row, the one that is on where nothing changed; else why there is none."""
        before = self._trials.get(row.problem)
        model = self._champions.challenger(row.problem, row.version)
        if model is None:
            refused = self._champions.refused(row.problem, "challenger")
            return None, refused.reason if refused is not None else "it cannot be fetched now"
        if before is not None and (before.row.id, before.champion, before.model) == (row.id, champion, model):
            return before, ""
        reason = unfit(champion, model)
        if reason is not None:
            return None, reason
        trial = Trial(row, champion, model, self._understudy, self._metrics)
        if before is not None and before.row.id == row.id and before.champion.info == champion.info:
            trial.continue_from(before)  # only the history was renewed
        return trial, ""

    def _tell(self, trials: Mapping[str, Trial], refused: Mapping[str, str]) -> None:
        for problem, trial in trials.items():
            before = self._trials.get(problem)
            if before is None or before.row.id != trial.row.id:
                _log.info("%s: version %d is on trial as %s", problem, trial.row.version, trial.mode)
        for problem in set(self._trials) - set(trials):
            _log.info("%s: the trial of version %d is over", problem, self._trials[problem].row.version)
        for problem, reason in refused.items():
            if self._refused.get(problem) != reason:
                _log.error("%s: its challenger is not tried: %s", problem, reason)

    def _follow(self) -> None:
        while True:
            try:
                self.refresh()
            except Unavailable as error:
                _log.warning("trials go on as they are: %s", error)
            except Exception:  # noqa: BLE001 - a thread that dies would leave trials on for good
                _log.exception("could not look for trials; trying again")
            if self._stop.wait(self._settings.poll_seconds):
                return
