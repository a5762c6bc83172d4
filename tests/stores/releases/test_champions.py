from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import MODEL_FILE, write_bundle
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champions import open_champion


@pytest.fixture
def released(settings: Settings, tmp_path: Path) -> Settings:
    """A registry whose champion of `p` is version 1."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(b"a model")
    write_bundle(folder, {"release.json": {"problem": "p"}}, {})
    registry = Registry(settings)
    version = registry.register("p", registry.start_run("p", "key"), folder, "digest", "key")
    registry.set_alias("p", "champion", version)
    return settings


def test_the_champion_is_fetched_once_and_a_damaged_copy_again(released: Settings) -> None:
    first = open_champion(released, "p")
    assert (first.version, first.release) == (1, {"problem": "p"})
    inode = (first.folder / MODEL_FILE).stat().st_ino
    assert (open_champion(released, "p").folder / MODEL_FILE).stat().st_ino == inode
    (first.folder / MODEL_FILE).write_bytes(b"another model")
    assert (open_champion(released, "p").folder / MODEL_FILE).read_bytes() == b"a model"


def test_a_copy_that_is_whole_but_not_what_was_released_is_fetched_again(released: Settings) -> None:
    folder = open_champion(released, "p").folder
    (folder / MODEL_FILE).write_bytes(b"another model")
    write_bundle(folder, {}, {})
    assert (open_champion(released, "p").folder / MODEL_FILE).read_bytes() == b"a model"


def test_without_a_champion_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NotFound, match="ratchet train nobody"):
        open_champion(settings, "nobody")
