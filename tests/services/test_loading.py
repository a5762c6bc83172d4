"""What was loaded once is at hand; what is damaged is fetched again; nothing is loaded twice without need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ModelFileError, Unavailable
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.registry.registry_reader import LocalReader
from services.prediction.last_good import shelved
from services.prediction.loading import Loading


class Counting(LocalReader):
    """A registry that counts what is fetched, and may be away."""

    fetched = 0
    away = False

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        if self.away:
            raise Unavailable("away")
        self.fetched += 1
        return super().fetch(release, into)


@pytest.fixture
def reader(shop: Any) -> Counting:
    return Counting(shop.settings)


def test_a_release_is_fetched_once_and_then_at_hand(shop: Any, reader: Counting) -> None:
    loading, info = Loading(shop.settings, reader), reader.release("loans", 1)
    assert loading.held("loans", 1) is None
    model = loading.obtain(info)
    assert loading.obtain(info) is model
    assert loading.held("loans", 1) is model
    reader.away = True
    assert Loading(shop.settings, reader).obtain(info).info == info, "another process shares the copy"
    assert reader.fetched == 1


def test_a_damaged_copy_is_fetched_again(shop: Any, reader: Counting) -> None:
    info = reader.release("loans", 1)
    Loading(shop.settings, reader).obtain(info)
    folder = shelved(shop.settings, info)
    assert folder is not None
    (folder / "model.skops").write_bytes(b"")
    assert Loading(shop.settings, reader).obtain(info).info == info
    assert reader.fetched == 2


def test_going_back_loads_nothing(shop: Any, loans: Any, reader: Counting) -> None:
    loading = Loading(shop.settings, reader)
    versions = [1, *(shop.release(loans, strength) for strength in (0.1, 0.01))]
    models = [loading.obtain(reader.release("loans", version)) for version in versions]
    assert [loading.obtain(reader.release("loans", version)) for version in versions] == models
    for strength in (0.2, 0.3, 0.4):
        loading.obtain(reader.release("loans", shop.release(loans, strength)))
    assert loading.held("loans", 1) is None, "memory is bounded"


def test_held_releases_follow_the_history(shop: Any, trips: Any, reader: Counting) -> None:
    loading = Loading(shop.settings, reader)
    model = loading.obtain(reader.release("trips", 1))
    assert loading.renewed(model) is model
    shop.promote(trips, 1)
    renewed = loading.renewed(model)
    assert renewed is not model
    assert loading.held("trips", 1) is renewed


def test_a_release_that_fails_says_why(shop: Any, loans: Any, reader: Counting, spoiled: Any) -> None:
    loading, version = Loading(shop.settings, reader), shop.release(loans, 0.01, spoiled)
    with pytest.raises(ModelFileError, match="probe"):
        loading.obtain(reader.release("loans", version))
    assert loading.held("loans", version) is None
