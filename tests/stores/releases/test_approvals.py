from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.errors import Busy, ModelFileError, NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.release import release
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.approvals import Approval, approve
from pipelines.stores.releases.champion_moves import promote_by_hand
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.releases.standing import AWAITING, settle

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL


class Office:
    """Version 1 is the champion; version 2 is registered, and waits."""

    def __init__(self, toy: ModuleType, settings: Settings) -> None:
        self.settings, self.at = settings, toy.AS_OF
        self.registry, self.ledger = Registry(settings), Ledger(settings.database)
        for strength in (1.0, 1e-6):
            run = toy.make_run(settings, 300, strength=strength)
            champion = open_champion(settings, "trains") if self.registry.champion("trains") else None
            evaluate(run.loaded, run.folder, champion)
            release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
        self.wait("Ada")

    def wait(self, actor: str, key: str = "waits", against: int | None = 1) -> None:
        found = self.registry.release("trains", 2)
        facts: dict[str, Any] = {"run_key": found.run_key, "model_digest": found.digest, "history": "h"}
        entry = self.ledger.record(
            f"release:trains:{key}",
            at=self.at,
            problem="trains",
            kind="release",
            outcome=AWAITING,
            version=2,
            run_id=found.run_id,
            actor=actor,
            evidence={**facts, "against": against},
        )
        settle(self.settings, self.ledger, self.registry, entry, self.settings.home / "nowhere")

    def speak(
        self, actor: str, decline: bool = False, version: int | None = None, reason: str = "looks right"
    ) -> Approval:
        return approve("trains", self.settings, version, self.at, actor, reason, decline)

    @property
    def champion(self) -> int | None:
        found = self.registry.champion("trains")
        return None if found is None else found.version


@pytest.fixture
def office(toy: ModuleType, settings: Settings) -> Iterator[Office]:
    opened = Office(toy, settings)
    yield opened
    opened.ledger.close()


def test_a_second_person_makes_it_the_champion(office: Office) -> None:
    with pytest.raises(ProblemError, match="a second person"):
        office.speak(" ada ")
    with pytest.raises(ProblemError, match="a name and a reason"):
        office.speak("Grace", reason=" ")
    assert office.champion == 1
    said = office.speak("Grace")
    assert (said.outcome, said.version, said.champion, said.actor, said.asked_by) == ("approved", 2, 2, "Grace", "Ada")
    assert office.champion == 2
    assert office.registry.by_alias("trains", "challenger") is None
    entry = office.ledger.entries("trains", "approval")[0]
    assert (entry.outcome, entry.version, entry.reasons, entry.digest) == ("approved", 2, ["looks right"], said.digest)
    judged = office.ledger.release_entry("trains", 2)
    assert judged is not None
    assert (entry.evidence["release"], entry.evidence["release_digest"]) == (judged.key, judged.digest)
    assert office.speak("Grace", version=2) == said  # again, after a kill
    with pytest.raises(NotFound, match="was approved by Grace already"):
        office.speak("Grace", version=2, decline=True)
    with pytest.raises(NotFound, match="waits for approval"):
        office.speak("Grace")


def test_declined_it_stays_the_challenger(office: Office) -> None:
    said = office.speak("Ada", decline=True)  # whoever asked may take it back
    assert (said.outcome, said.champion, office.champion) == ("declined", 1, 1)
    with pytest.raises(NotFound, match="trains has no release that waits"):
        office.speak("Grace")
    with pytest.raises(NotFound, match="was declined by Ada already"):
        office.speak("Grace", version=2)


def test_it_was_judged_against_the_champion_of_then(office: Office) -> None:
    promote_by_hand("trains", office.settings, 2, office.at, "Ada", "for a moment")
    with pytest.raises(Busy, match="champion is version 2, version 2 was judged against 1"):
        office.speak("Grace")
    assert office.speak("Grace", decline=True).outcome == "declined"


def test_only_what_waits_can_be_approved(office: Office) -> None:
    with pytest.raises(NotFound, match="version 1 of trains is not one that waits"):
        office.speak("Grace", version=1)
    with pytest.raises(NotFound, match="nothing has no release that waits"):
        approve("nothing", office.settings, None, office.at, "Grace", "why not")


def test_a_damaged_bundle_is_not_approved(office: Office) -> None:
    for file in office.settings.artifacts.rglob("model.skops"):
        file.write_bytes(b"something else")
    with pytest.raises(ModelFileError, match="not what was released"):
        office.speak("Grace")
    assert (office.champion, office.ledger.entries("trains", "approval")) == (1, [])
