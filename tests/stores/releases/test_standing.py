from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.errors import Busy
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.bundles.release_info import LEDGER
from pipelines.stores.data import history_store
from pipelines.stores.decisions.ledger import Entry, Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases import standing
from pipelines.stores.releases.standing import AWAITING, history_digest, one_at_a_time, publish_history, settle
from pipelines.stores.sql.turns import turn

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

AT = datetime(2024, 6, 1, tzinfo=UTC)


class Desk:
    """A registry with three versions, and a ledger to decide in."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.nowhere = settings, folder / "no history"
        self.registry, self.ledger = Registry(settings), Ledger(settings.database)
        for number in "123":
            made = folder / number
            made.mkdir()
            (made / "model.skops").write_text(number)
            write_bundle(made, {}, {})
            run = self.registry.start_run("trains", number)
            self.registry.register("trains", run, made, number, number)

    def decide(self, outcome: str, version: int, **values: Any) -> Entry:
        key = f"{outcome} {version} {len(self.ledger.entries(limit=None))}"
        kind = values.pop("kind", "release")
        return self.ledger.record(key, at=AT, problem="trains", kind=kind, outcome=outcome, version=version, **values)

    def settle(self, entry: Entry) -> int | None:
        return settle(self.settings, self.ledger, self.registry, entry, self.nowhere)

    @property
    def aliases(self) -> dict[str, int]:
        return {alias: one.version for one in self.registry.releases("trains") for alias in one.aliases}


@pytest.fixture
def desk(settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(settings, tmp_path)
    yield made
    made.ledger.close()


def test_aliases_follow_the_latest_decision_only(desk: Desk) -> None:
    first = desk.decide("promote", 1)
    assert desk.settle(first) == 1
    kept = desk.decide("keep", 2)
    assert desk.settle(kept) == 1
    assert desk.aliases == {"champion": 1, "challenger": 2}
    third = desk.decide("promote", 3)
    assert desk.settle(third) == 3
    assert desk.aliases == {"champion": 3}
    for old in (first, kept):
        assert desk.settle(old) == 3
    assert desk.aliases == {"champion": 3}
    back = desk.decide("roll_back", 1, kind="roll_back")
    assert desk.settle(back) == 1
    assert desk.settle(third) == 1
    assert desk.aliases == {"champion": 1}


def test_what_waits_for_approval_is_the_challenger_until_somebody_speaks(desk: Desk) -> None:
    desk.settle(desk.decide("promote", 1))
    assert desk.settle(desk.decide(AWAITING, 2)) == 1
    assert desk.aliases == {"champion": 1, "challenger": 2}
    assert desk.settle(desk.decide("declined", 2, kind="approval")) == 1
    assert desk.aliases == {"champion": 1, "challenger": 2}
    assert desk.settle(desk.decide("approved", 2, kind="approval")) == 2
    assert desk.aliases == {"champion": 2}


def test_a_version_carries_the_newest_decision_on_it(desk: Desk) -> None:
    first = desk.decide("promote", 1)
    desk.settle(first)
    assert desk.registry.release("trains", 1).tags[LEDGER] == first.digest
    desk.settle(desk.decide("promote", 2))
    back = desk.decide("roll_back", 1, kind="roll_back")
    for entry in (back, first):  # settled again after a kill
        desk.settle(entry)
        assert desk.registry.release("trains", 1).tags[LEDGER] == back.digest


def test_nothing_promoted_means_no_champion(desk: Desk) -> None:
    assert desk.settle(desk.decide("not_enough_data", 1)) is None
    assert desk.aliases == {"challenger": 1}


def test_history_is_published_with_a_promotion_unless_serving_has_a_later_one(
    toy: ModuleType, settings: Settings
) -> None:
    run = toy.make_run(settings)
    made, served = run.folder / "history", settings.history("trains")
    assert not publish_history(settings, "trains", run.folder / "nowhere", changed=True)
    assert publish_history(settings, "trains", made, changed=False)
    found = history_store.load_current(made)
    assert found is not None
    history_store.save(found[0], served, AT)
    assert not publish_history(settings, "trains", made, changed=False)
    current = history_store.load_current(served)
    assert current is not None
    assert current[1] == AT
    assert publish_history(settings, "trains", made, changed=True)


def test_another_window_is_another_history(toy: ModuleType, settings: Settings) -> None:
    week, day = (toy.make_run(settings, window=window).loaded.problem for window in ("7d", "1d"))
    renamed = toy.make_run(settings, extra="owner: someone\n").loaded.problem
    assert history_digest(week) != history_digest(day)
    assert history_digest(week) == history_digest(renamed)


def test_a_release_waits_for_another_and_says_so_in_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_WAIT", 0.1)
    with one_at_a_time(settings, "trains"):
        pass
    with (
        turn(settings, "release-trains", 0),
        pytest.raises(Busy, match="another release of trains"),
        one_at_a_time(settings, "trains"),
    ):
        pass
