"""The parts start together and end in the order in which answers come about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.core.errors import RatchetError
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.registry.registry_reader import open_reader
from services.prediction.metrics import Metrics
from services.prediction.service import start_service


def test_what_was_answered_is_in_the_log_after_the_end(shop: Any, loans: Any) -> None:
    service = start_service(shop.settings, open_reader(shop.settings), Metrics())
    try:
        answers = asyncio.run(service.plane.predict_rows(loans.name, loans.rows(3)))
    finally:
        service.close()
    log = PredictionLog(shop.settings.database)
    assert [log.get(one).problem for one in answers.ids] == [loans.name] * 3
    log.close()


def test_after_the_end_nothing_is_answered(shop: Any, loans: Any) -> None:
    service = start_service(shop.settings, open_reader(shop.settings), Metrics())
    service.close()
    with pytest.raises((RatchetError, RuntimeError)):
        asyncio.run(service.plane.predict_rows(loans.name, loans.rows(1)))
