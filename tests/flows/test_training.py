from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import Busy, ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.locks import one_training
from pipelines.flows.progress import listening
from pipelines.flows.training import training
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.known_problems import known_problems
from pipelines.stores.registry.registry import Registry

pytestmark = pytest.mark.usefixtures("prefect_server")

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ["ingest", "prepare", "featurize", "train", "evaluate", "release"]


def test_the_flow_releases_and_finds_what_it_had_finished(settings: Settings, small: Path) -> None:
    heard: list[str] = []
    ledger = Ledger(settings.database)
    request = ledger.request("small", "r1", reason="a test", as_of=AS_OF, at=AS_OF)
    with listening(lambda step, done, total, text: heard.append(step)):
        first = training(str(small), as_of=AS_OF, request_id=request.id)
    assert list(dict.fromkeys(heard)) == STEPS
    assert first["decision"] == "promote"
    assert Registry(settings).champion("small").version == first["version"] == 1
    assert known_problems(settings) == {"small": str(small)}

    done = ledger.find_request(request.id)
    assert (done.state, done.outcome) == ("done", "promote")
    assert done.evidence["version"] == 1

    model = settings.work("small") / first["run_key"] / "model.skops"
    written = model.stat().st_mtime_ns
    second = training(str(small), as_of=AS_OF)
    assert model.stat().st_mtime_ns == written
    assert second == first
    assert [entry.outcome for entry in ledger.entries("small", "release")] == ["promote"]
    ledger.close()


def test_one_training_of_a_problem_at_a_time(settings: Settings, small: Path) -> None:
    with one_training(settings, "small", wait=0), pytest.raises(Busy, match="small is being trained by process"):
        training(str(small), as_of=AS_OF, wait=0)


def test_a_missing_problem_is_named(settings: Settings) -> None:
    with pytest.raises(ProblemError, match="no-such-problem"):
        training("no-such-problem", as_of=AS_OF)
