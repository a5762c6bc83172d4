"""The running parts of the prediction service, and the order in which they start and stop."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.core.settings import Settings
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.registry.registry_reader import RegistryReader
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.data_plane import DataPlane
from services.prediction.metrics import Metrics
from services.prediction.passports import Passports
from services.prediction.tables.parquet_reader import READER
from services.prediction.trials.rollout_guard import RolloutGuard
from services.prediction.trials.rollouts import Rollouts


@dataclass(frozen=True)
class Service:
    """The running parts, as the routes see them."""

    settings: Settings
    champions: Champions
    rollouts: Rollouts
    rollout_guard: RolloutGuard
    scorer: Scorer
    log: PredictionLog
    writer: GroupCommit
    metrics: Metrics
    plane: DataPlane
    passports: Passports

    def close(self) -> None:
        """Stop in the order in which answers come about, so that what was begun is finished."""
        self.rollout_guard.close()
        self.champions.close()
        self.scorer.close()
        self.rollouts.close()
        self.writer.close()
        self.log.close()
        self.passports.close()
        READER.close()


def start_service(settings: Settings, reader: RegistryReader, metrics: Metrics) -> Service:
    """The parts, started: champions are served from the registry, or from the last good copies if it is down."""
    log = open_log(settings)
    writer = GroupCommit(log, metrics.commit.observe)
    scorer = Scorer(writer, metrics.batch.observe, settings.answer_seconds)
    champions = Champions(settings, reader, metrics)
    champions.start()
    rollouts = Rollouts(settings, champions, metrics)
    rollout_guard = RolloutGuard(settings, rollouts, metrics)
    plane = DataPlane(champions, rollouts, scorer, log, metrics)
    passports = Passports(settings, log, reader)
    return Service(settings, champions, rollouts, rollout_guard, scorer, log, writer, metrics, plane, passports)
