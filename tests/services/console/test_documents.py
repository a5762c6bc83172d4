from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from services.console import documents
from services.console.documents import backtest, backtests, release_sheet


def test_reports_of_backtests_are_found_by_their_name_alone(settings: Settings) -> None:
    folder = settings.home / "backtests" / "p"
    folder.mkdir(parents=True)
    (folder / "a.html").write_text("<p>a</p>")
    (folder.parent / "secret.html").write_text("no")
    assert [one.name for one in backtests(settings, "p")] == ["a.html"]
    assert backtest(settings, "p", "a.html") == b"<p>a</p>"
    for wrong in ("../secret.html", "b.html", ""):
        with pytest.raises(NotFound):
            backtest(settings, "p", wrong)
    assert backtests(settings, "other") == []


@pytest.mark.slow
def test_a_release_shows_its_card_and_its_data(site: Any, toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings, 300)
    evaluate(run.loaded, run.folder, None)
    release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    for name in ("card", "datasheet"):
        answer = site.get(f"/problems/trains/releases/1/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == documents.CARD_POLICY
        assert "trains" in answer.text
    assert site.get("/problems/trains/releases/7/card").status_code == 404
    assert site.get("/problems/trains/releases/1/nothing").status_code == 404
    with pytest.raises(NotFound):
        release_sheet(settings, "trains", 7, "card")
