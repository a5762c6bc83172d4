from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.monitoring import monitoring
from pipelines.flows.scoring import scoring
from pipelines.flows.training import training
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem

pytestmark = pytest.mark.usefixtures("prefect_server")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore")  # Evidently, imported here, warns of its own dependencies
def test_what_was_scored_is_judged(settings: Settings, small: Path, tmp_path: Path) -> None:
    training(str(small), as_of=NOW)
    scored = scoring("small", small.with_suffix(".csv"), tmp_path / "out.parquet", as_of=NOW)
    assert (scored.rows, scored.answered, scored.logged) == (300, 300, 300)

    later = NOW + timedelta(hours=1)
    result = monitoring(as_of=later)  # every problem trained here
    (watched,) = result["watched"]
    assert (watched.problem, watched.rows, watched.labels) == ("small", 300, 0)
    assert watched.level == "healthy"
    assert result["dispatched"] == []
    assert result["notices"] == {"sent": 0, "not_sent": 0}


def test_what_is_wrong_with_one_problem_leaves_the_others_watched(
    settings: Settings, write_small: Callable[..., Path]
) -> None:
    gone, unreleased = write_small(name="gone"), write_small(name="unreleased")
    for path in (gone, unreleased):
        remember_problem(settings, load_problem(str(path)))
    assert monitoring(as_of=NOW)["watched"] == []  # nothing was released: nothing is to be watched
    with pytest.raises(NotFound):
        monitoring("unreleased", as_of=NOW)
    gone.unlink()
    ledger = Ledger(settings.database)
    levels = {"performance": {"level": "alarm", "reasons": ["the loss rose"]}}
    ledger.record("v1", at=NOW, problem="other", kind="verdict", outcome="alarm", evidence={"kinds": levels})
    ledger.close()
    with pytest.raises(ProblemError, match="gone"):
        monitoring(as_of=NOW)
    notices = Notices(settings.database)
    assert [one.event for one in notices.notices("other")] == ["begun"]  # told all the same
    notices.close()
