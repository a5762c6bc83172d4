from __future__ import annotations

from types import ModuleType

import pytest

from pipelines.core.challenge.trial_tally import Tally
from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from pipelines.steps.try_challenger import Wanted, begin_trial, stop_trial, trial_status
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champion_moves import promote_by_hand
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.trials.rollouts import RolloutLog
from pipelines.stores.trials.trial_log import TrialLog


def turn(toy: ModuleType, settings: Settings, strength: float) -> None:
    run = toy.make_run(settings, 300, strength=strength)
    champion = open_champion(settings, "trains") if Registry(settings).champion("trains") else None
    evaluate(run.loaded, run.folder, champion)
    release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)


def word(toy: ModuleType, settings: Settings, wanted: Wanted) -> dict[str, object]:
    return begin_trial("trains", settings, wanted, toy.AS_OF, "Ada", "a test")


def test_a_trial_from_its_beginning_to_its_end(toy: ModuleType, settings: Settings) -> None:
    turn(toy, settings, 1.0)
    with pytest.raises(NotFound, match="no challenger"):
        word(toy, settings, Wanted("canary"))
    turn(toy, settings, 1e-6)
    assert trial_status("trains", settings)["mode"] == "none"
    with pytest.raises(NotFound, match="is on trial"):
        stop_trial("trains", settings, toy.AS_OF, "Ada", "enough")
    begun = word(toy, settings, Wanted("canary", share=0.3))
    assert (begun["version"], begun["mode"], begun["share"]) == (2, "canary", 0.3)
    log, trials = RolloutLog(settings.database), TrialLog(settings.database)
    tally = Tally(Registry(settings).release("trains", 1).run_id)
    tally.challenger.count(5, 0.01, False)
    trials.keep_tally(log.current()["trains"].id, "w", tally.as_json(), toy.AS_OF)
    status = trial_status("trains", settings)
    assert (status["mode"], status["in_effect"], status["champion"], status["challenger"]) == ("canary", True, 1, 2)
    assert (status["arms"]["challenger"]["rows"], status["loss"]["labels"]) == (5, (0, 0))
    stop_trial("trains", settings, toy.AS_OF, "Bob", "enough")
    status = trial_status("trains", settings)
    assert (status["mode"], status["in_effect"], status["actor"], status["share"]) == ("stopped", False, "Bob", 0.3)
    assert status["arms"]["challenger"]["rows"] == 5
    ledger = Ledger(settings.database)
    said = [(one.outcome, one.version, one.actor, one.reasons) for one in ledger.entries("trains", "rollout")]
    assert said == [("stop", 2, "Bob", ["enough"]), ("canary", 2, "Ada", ["a test"])]
    for store in (ledger, log, trials):
        store.close()


def test_a_named_version_becomes_the_challenger(toy: ModuleType, settings: Settings) -> None:
    turn(toy, settings, 1.0)
    turn(toy, settings, 1e-6)
    promote_by_hand("trains", settings, 2, toy.AS_OF, "Ada", "recalled")
    assert word(toy, settings, Wanted("shadow", version=1))["version"] == 1
    challenger = Registry(settings).by_alias("trains", "challenger")
    assert challenger is not None
    assert challenger.version == 1


def test_what_cannot_be_done_says_why(toy: ModuleType, settings: Settings) -> None:
    with pytest.raises(NotFound, match="no champion yet"):
        word(toy, settings, Wanted("canary"))
    turn(toy, settings, 1.0)
    turn(toy, settings, 1e-6)
    with pytest.raises(NotFound, match="no version 7"):
        word(toy, settings, Wanted("canary", version=7))
    with pytest.raises(ProblemError, match="version 1 of trains is the champion"):
        word(toy, settings, Wanted("canary", version=1))
    with pytest.raises(ProblemError, match="'nothing' is no column that callers send: choose among"):
        word(toy, settings, Wanted("canary", key="nothing"))
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(ProblemError, match="the share is"):
            word(toy, settings, Wanted("canary", share=share))
    with pytest.raises(ProblemError, match="a name and a reason"):
        begin_trial("trains", settings, Wanted("canary"), toy.AS_OF, "Ada", " ")
    log = RolloutLog(settings.database)
    assert log.current() == {}
    log.close()
