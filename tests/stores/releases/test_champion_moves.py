from __future__ import annotations

from types import ModuleType

import pytest

from pipelines.core.errors import ModelFileError, NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champion_moves import promote_by_hand, roll_back
from pipelines.stores.releases.champions import open_champion

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL


def turn(toy: ModuleType, settings: Settings, strength: float) -> str:
    run = toy.make_run(settings, 300, strength=strength)
    champion = open_champion(settings, "trains") if Registry(settings).champion("trains") else None
    evaluate(run.loaded, run.folder, champion)
    return str(release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF).decision)


def test_a_person_promotes_and_goes_back_and_all_is_recorded(toy: ModuleType, settings: Settings) -> None:
    registry, ledger = Registry(settings), Ledger(settings.database)
    assert [turn(toy, settings, strength) == "promote" for strength in (1.0, 1e-6)] == [True, False]
    moved = promote_by_hand("trains", settings, 2, toy.AS_OF, "Ada", "the first one is recalled")
    assert (moved.version, moved.before) == (2, 1)
    champion = registry.champion("trains")
    assert champion is not None
    assert champion.version == 2
    assert registry.by_alias("trains", "challenger") is None
    back = roll_back("trains", settings, None, toy.AS_OF, "Grace", "it was worse")
    assert (back.version, back.before) == (1, 2)
    assert [(one.kind, one.outcome, one.version, one.actor) for one in ledger.entries("trains", limit=2)] == [
        ("roll_back", "roll_back", 1, "Grace"),
        ("override", "promote", 2, "Ada"),
    ]
    again = roll_back("trains", settings, 1, toy.AS_OF, "Grace", "it was worse")
    assert again == back
    assert len(ledger.entries("trains", limit=None)) == 4
    ledger.close()


def test_what_cannot_be_done_says_why(toy: ModuleType, settings: Settings) -> None:
    with pytest.raises(NotFound, match="no earlier champion"):
        roll_back("trains", settings, None, toy.AS_OF, "Ada", "why not")
    turn(toy, settings, 1.0)
    with pytest.raises(NotFound, match="no earlier champion"):
        roll_back("trains", settings, None, toy.AS_OF, "Ada", "why not")
    with pytest.raises(NotFound, match="no version 7"):
        promote_by_hand("trains", settings, 7, toy.AS_OF, "Ada", "a typo")
    with pytest.raises(ProblemError, match="a name and a reason"):
        promote_by_hand("trains", settings, 1, toy.AS_OF, "Ada", "  ")


def test_a_damaged_bundle_is_not_promoted(toy: ModuleType, settings: Settings) -> None:
    assert [turn(toy, settings, strength) == "promote" for strength in (1.0, 1e-6)] == [True, False]
    registry = Registry(settings)
    stored = registry.fetch(registry.release("trains", 2), settings.home / "look")
    assert (stored / "manifest.json").exists()
    for file in settings.artifacts.rglob("model.skops"):
        file.write_bytes(b"something else")
    with pytest.raises(ModelFileError, match="not what was released"):
        promote_by_hand("trains", settings, 2, toy.AS_OF, "Ada", "looks fine")
    champion = registry.champion("trains")
    assert champion is not None
    assert champion.version == 1
