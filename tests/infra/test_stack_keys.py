"""The keys of the stack's own: made once, and anew where their file is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.commands.keys import revoke_key
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys

PLACE = Path(__file__).parents[2] / "infra" / "images" / "prepare.py"


@pytest.fixture
def program(load_file: Any) -> Any:
    return load_file(PLACE)


def known(settings: Settings) -> list[tuple[str, bool]]:
    store = ApiKeys(settings.database)
    try:
        return [(one.name, one.revoked_at is None) for one in store.all()]
    finally:
        store.close()


def test_a_key_is_made_once(program: Any, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "prometheus_key"
    program.make_key_file(settings, "prometheus", path)
    first = path.read_text()
    program.make_key_file(settings, "prometheus", path)
    assert (path.read_text(), known(settings)) == (first, [("prometheus", True)])
    assert first.startswith("rk_")
    assert first.strip() == first


def test_a_database_that_knows_the_key_beside_volumes_that_do_not_gets_a_new_one(
    program: Any, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "prometheus_key"
    program.make_key_file(settings, "prometheus", path)
    first = path.read_text()
    path.unlink()
    program.make_key_file(settings, "prometheus", path)
    assert path.read_text() != first
    assert known(settings) == [("prometheus", False), ("prometheus", True)]


def test_a_key_that_was_revoked_is_replaced(program: Any, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "prometheus_key"
    program.make_key_file(settings, "prometheus", path)
    first = path.read_text()
    revoke_key(settings, "prometheus", "somebody")
    program.make_key_file(settings, "prometheus", path)
    assert path.read_text() != first
    assert program.is_in_force(settings, path.read_bytes())


def test_without_its_volume_no_key_is_made(program: Any, settings: Settings, tmp_path: Path) -> None:
    program.make_key_file(settings, "console-numbers", tmp_path / "ratchet" / "ratchet_service_key")
    assert not (tmp_path / "ratchet").exists()
