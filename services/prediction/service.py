"""The running parts of the prediction service, and the order in which they start and stop."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.core.settings import Settings
from pipelines.stores.group_commit import GroupCommit
from pipelines.stores.prediction_log import PredictionLog
from pipelines.stores.registry_reader import RegistryReader
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.data_plane import DataPlane
from services.prediction.metrics import Metrics


@dataclass(frozen=True)
class Service:
    """The running parts, as the routes see them."""

    champions: Champions
    scorer: Scorer
    log: PredictionLog
    writer: GroupCommit
    metrics: Metrics
    plane: DataPlane

    def close(self) -> None:
        """Stop in the order in which answers come about, so that what was begun is finished."""
        self.champions.close()
        self.scorer.close()
        self.writer.close()
        self.log.close()


def start_service(settings: Settings, reader: RegistryReader, metrics: Metrics) -> Service:
    """The parts, started: champions are served from the registry, or from the last good copies if it is down."""
    log = PredictionLog(settings.database)
    writer = GroupCommit(log)
    scorer = Scorer(metrics.batch.observe)
    champions = Champions(settings, reader, metrics)
    champions.start()
    plane = DataPlane(champions, scorer, log, writer, metrics)
    return Service(champions, scorer, log, writer, metrics, plane)
