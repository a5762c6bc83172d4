from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champions import open_champion

WHO = {"name": "Ada", "reason": "the feed <b>is</b> mended"}


def newest(site: Any, problem: str) -> Any:
    return site.desk.pages.page(problem, limit=1)[0]


def test_an_alarm_is_acknowledged_once(lived: Any, year: ModuleType) -> None:
    done = lived.do(year.PROBLEM, "acknowledge", **WHO)
    assert done.status_code == 303
    entry = newest(lived, year.PROBLEM)
    assert (entry.kind, entry.outcome, entry.actor, entry.reasons) == (
        "acknowledgement",
        "acknowledged",
        "Ada",
        [WHO["reason"]],
    )
    assert done.headers["location"] == f"/problems/{year.PROBLEM}?entry={entry.id}"
    after = lived.get(done.headers["location"]).text
    assert f"entry {entry.id}" in after
    assert "Ada has seen to it" in after
    assert "<b>is</b>" not in after
    again = lived.get(f"/problems/{year.PROBLEM}/actions/acknowledge").text
    assert "no alarm of arrivals waits" in again


def test_notices_are_silenced_and_the_silence_is_lifted(lived: Any, year: ModuleType) -> None:
    assert lived.do(year.PROBLEM, "silence", hours="72", kinds="data", **WHO).status_code == 303
    entry = lived.desk.pages.entry(newest(lived, year.PROBLEM).id)
    assert entry.evidence["kinds"] == ["data"]
    assert "Silenced: data" in lived.get(f"/problems/{year.PROBLEM}").text
    assert lived.do(year.PROBLEM, "silence", hours="1000000", **WHO).status_code == 409
    assert lived.do(year.PROBLEM, "lift", **WHO).status_code == 303
    assert newest(lived, year.PROBLEM).outcome == "lifted"
    assert "Silenced" not in lived.get(f"/problems/{year.PROBLEM}").text


def test_a_training_is_asked_for_once_however_often_it_is_confirmed(lived: Any, year: ModuleType) -> None:
    path = f"/problems/{year.PROBLEM}/actions/retrain"
    form = lived.form(path) | WHO
    first, second = (lived.http.post(path, data=form) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    asked = lived.desk.ledger.requests(year.PROBLEM, ("open",))
    assert len(asked) == 1
    assert asked[0].evidence["by_hand"] is True
    entry = newest(lived, year.PROBLEM)
    assert (entry.kind, entry.outcome, entry.actor) == ("retraining", "asked", "Ada")
    assert "Retraining waits for the worker" in lived.get(f"/problems/{year.PROBLEM}").text
    assert "is waiting already" in lived.get(path).text


@pytest.mark.parametrize("missing", ["name", "reason"])
def test_without_a_name_or_a_reason_nothing_is_done(lived: Any, year: ModuleType, missing: str) -> None:
    before = newest(lived, year.PROBLEM).id
    answer = lived.do(year.PROBLEM, "silence", hours="4", **{**WHO, missing: "  "})
    assert answer.status_code == 422
    assert "Nothing was done" in answer.text
    assert 'value="4" checked' in answer.text  # what was filled in stays
    assert newest(lived, year.PROBLEM).id == before


def test_a_form_from_elsewhere_is_refused(lived: Any, year: ModuleType) -> None:
    path, before = f"/problems/{year.PROBLEM}/actions/silence", newest(lived, year.PROBLEM).id
    form = lived.form(path) | {"hours": "4", **WHO}
    assert lived.http.post(path, data=form | {"token": "guessed"}).status_code == 403
    assert lived.http.post(path, data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert lived.http.post(path, data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert lived.http.post(path, json=form).status_code == 415
    assert lived.http.post(path, data=form | {"reason": "x" * 30_000}).status_code == 413
    lived.http.cookies.clear()
    assert lived.http.post(path, data=form).status_code == 403
    assert newest(lived, year.PROBLEM).id == before


def test_what_is_no_action_is_not_found(lived: Any, year: ModuleType) -> None:
    assert lived.get(f"/problems/{year.PROBLEM}/actions/nonsense").status_code == 404
    assert lived.get("/problems/nobody/actions/retrain").status_code == 404
    assert "no release of arrivals waits" in lived.get(f"/problems/{year.PROBLEM}/actions/approve").text


@pytest.mark.slow
def test_an_operator_rolls_back_to_an_earlier_champion(site: Any, toy: ModuleType, settings: Settings) -> None:
    for strength in (1.0, 1e-6):
        run = toy.make_run(settings, 300, strength=strength)
        champion = open_champion(settings, "trains") if Registry(settings).champion("trains") else None
        evaluate(run.loaded, run.folder, champion)
        release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    from pipelines.stores.releases.champion_moves import promote_by_hand

    promote_by_hand("trains", settings, 2, toy.AS_OF, "Grace", "to try it")
    page = site.get("/problems/trains/actions/roll-back").text
    assert "version 1, champion since" in page
    assert site.do("trains", "roll-back", **WHO).status_code == 409  # no version was chosen
    done = site.do("trains", "roll-back", version="1", **WHO)
    assert done.status_code == 303
    champion = Registry(settings).champion("trains")
    assert champion is not None
    assert champion.version == 1
    entry = newest(site, "trains")
    assert (entry.kind, entry.version, entry.actor) == ("roll_back", 1, "Ada")
    text = site.get(done.headers["location"]).text
    assert re.search(r"Recorded as .*roll back, rolled back, by Ada", text)
    wrong = site.do("trains", "roll-back", version="7", **WHO)
    assert wrong.status_code == 409
    assert "no version 7" in wrong.text
