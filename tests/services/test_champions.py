"""The alias is followed; what does not work never takes over."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.registry.registry_reader import LocalReader, RestReader
from services.prediction.champions import Champions
from services.prediction.last_good import find_copy
from services.prediction.metrics import Metrics

DEAD = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture
def opened() -> Iterator[Callable[..., Champions]]:
    all_of_them: list[Champions] = []

    def make(settings: Settings, reader: Any = None) -> Champions:
        champions = Champions(settings, reader or LocalReader(settings), Metrics())
        all_of_them.append(champions)
        return champions

    yield make
    for champions in all_of_them:
        champions.close()


def test_every_champion_is_served(shop: Any, opened: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    assert [(model.info.problem, model.info.version) for model in champions.serving()] == [
        ("loans", 1),
        ("trips", 1),
    ]
    assert champions.live("trips").history_as_of is not None
    with pytest.raises(NotFound, match="no such model"):
        champions.live("houses")


def test_an_alias_that_moves_is_followed_both_ways(shop: Any, loans: Any, opened: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    before = champions.live("loans")
    version = shop.release(loans, 0.01)
    champions.refresh()
    assert champions.live("loans") is before
    for expected in (version, 1):
        shop.promote(loans, expected)
        champions.refresh()
        assert champions.live("loans").info.version == expected
    assert before.info.version == 1


def test_a_release_that_fails_leaves_the_old_one_serving(shop: Any, loans: Any, opened: Any, spoiled: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    version = shop.release(loans, 0.01, spoiled)
    shop.promote(loans, version)
    champions.refresh()
    assert champions.live("loans").info.version == 1
    refused = champions.refused("loans")
    assert (refused.version, "probe" in refused.reason) == (version, True)
    first = refused.at
    champions.refresh()
    assert champions.refused("loans").at == first, "it was tried again"
    better = shop.release(loans, 0.1)
    shop.promote(loans, better)
    champions.refresh()
    assert champions.live("loans").info.version == better
    assert champions.refused("loans") is None
    assert find_copy(shop.settings, "loans")[0].version == better


def test_a_damaged_artifact_is_refused(shop: Any, loans: Any, opened: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    version = shop.release(loans, 0.01)
    source = shop.registry.release("loans", version).source.removeprefix("file://")
    with open(os.path.join(source, "model.skops"), "ab") as file:
        file.write(b"x")
    shop.promote(loans, version)
    champions.refresh()
    assert champions.live("loans").info.version == 1
    assert "model.skops" in champions.refused("loans").reason


def test_without_any_champion_nothing_is_served_yet(shop: Any, loans: Any, opened: Any) -> None:
    shop.registry.drop_alias("loans", "champion")
    champions = opened(shop.settings)
    champions.refresh()
    with pytest.raises(Unavailable, match="no champion yet"):
        champions.live("loans")
    assert champions.problems() == ["loans", "trips"]


def test_a_withdrawn_champion_serves_no_more(shop: Any, opened: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    shop.registry.drop_alias("loans", "champion")
    champions.refresh()
    with pytest.raises(Unavailable):
        champions.live("loans")
    assert find_copy(shop.settings, "loans") is None


def test_with_the_registry_down_the_last_good_copies_serve(shop: Any, opened: Any) -> None:
    opened(shop.settings).refresh()
    champions = opened(shop.settings, RestReader(DEAD))
    champions.start()
    assert [model.info.version for model in champions.serving()] == [1, 1]
    assert "does not answer" in (champions.trouble or "")
    assert champions.reached is None


def test_a_damaged_copy_does_not_keep_the_others_out(shop: Any, opened: Any) -> None:
    opened(shop.settings).refresh()
    (find_copy(shop.settings, "loans")[1] / "model.skops").write_bytes(b"")
    champions = opened(shop.settings, RestReader(DEAD))
    champions.start()
    assert [model.info.problem for model in champions.serving()] == ["trips"]
    with pytest.raises(Unavailable, match="could not be put into service"):
        champions.live("loans")
    again = opened(shop.settings)
    again.refresh()
    assert again.live("loans").info.version == 1, "the registry has the whole one"


def test_history_is_read_again_when_it_is_replaced(shop: Any, trips: Any, opened: Any) -> None:
    champions = opened(shop.settings)
    champions.refresh()
    before = champions.live("trips")
    champions.refresh()
    assert champions.live("trips") is before
    shop.promote(trips, 1)
    champions.refresh()
    after = champions.live("trips")
    assert after is not before
    assert after.pipeline is before.pipeline


def test_history_that_comes_late_is_enough(shop: Any, trips: Any, opened: Any) -> None:
    shutil.rmtree(shop.settings.history("trips"))
    champions = opened(shop.settings)
    champions.refresh()
    assert "materialise" in champions.refused("trips").reason
    shop.promote(trips, 1)
    champions.refresh()
    assert champions.live("trips").info.version == 1


def test_the_thread_follows_and_stops(shop: Any, loans: Any, opened: Any) -> None:
    champions = opened(shop.settings.model_copy(update={"poll_seconds": 0.05}))
    before = threading.active_count()
    champions.start()
    version = shop.release(loans, 0.01)
    shop.promote(loans, version)
    deadline = time.monotonic() + 10
    while champions.live("loans").info.version != version:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    champions.close()
    assert threading.active_count() == before


def test_models_of_others_in_the_registry_are_left_alone(shop: Any, opened: Any) -> None:
    class Crowded(LocalReader):
        """A registry that Ratchet shares."""

        def aliases(self) -> dict[str, dict[str, int]]:
            return super().aliases() | {"Their Model": {"champion": 1}, "..": {"champion": 2}}

    champions = opened(shop.settings, Crowded(shop.settings))
    champions.refresh()
    assert champions.problems() == ["loans", "trips"]
