from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.core.errors import Busy
from pipelines.core.settings import Settings
from pipelines.flows.answering import answering
from pipelines.stores.decisions.ledger import Ledger

NOW = datetime.now(UTC)
SUMMARY = {"decision": "keep", "version": 2, "run_id": "r", "snapshot": "s", "metrics": {}}


def test_without_a_request_there_is_nothing_to_answer(settings: Settings) -> None:
    with answering(settings, None) as answer:
        answer(SUMMARY)


def test_a_request_is_done_once_its_training_is(settings: Settings) -> None:
    ledger = Ledger(settings.database)
    request = ledger.request("p", "k", reason="r", as_of=NOW, at=NOW)
    with pytest.raises(ValueError, match="failed"), answering(settings, request.id):
        raise ValueError("the training failed")
    with answering(settings, request.id) as answer:  # free again at once
        answer(SUMMARY)
    done = ledger.find_request(request.id)
    assert (done.state, done.outcome, done.evidence["version"]) == ("done", "keep", 2)
    with pytest.raises(Busy, match="is done"), answering(settings, request.id):
        pass
    ledger.close()
