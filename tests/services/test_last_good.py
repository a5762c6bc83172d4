"""The copy is there in full or not at all."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.settings import Settings
from pipelines.stores.release_info import ReleaseInfo
from services.prediction.last_good import copies, find_copy, forget_copy, incoming, keep_copy

INFO = ReleaseInfo("loans", 3, "run", "here", "d" * 64, "key", ("champion",), {"a": "b"}, 1.5)


def fetch(settings: Settings, info: ReleaseInfo, content: str) -> None:
    with incoming(settings, info.problem) as folder:
        folder.mkdir()
        (folder / "model").write_text(content)
        keep_copy(settings, info, folder)


def shelf(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.last_good("x").parent.iterdir())


def test_what_was_kept_is_found_again(settings: Settings) -> None:
    assert find_copy(settings, "loans") is None
    assert copies(settings) == []
    fetch(settings, INFO, "one")
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0] == INFO
    assert (found[1] / "model").read_text() == "one"
    assert copies(settings) == shelf(settings) == ["loans"]


def test_a_new_copy_takes_the_place_of_the_old(settings: Settings) -> None:
    fetch(settings, INFO, "one")
    fetch(settings, ReleaseInfo("loans", 4, "run", "", "", ""), "two")
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0].version == 4
    assert (found[1] / "model").read_text() == "two"
    assert shelf(settings) == ["loans"]


def test_a_fetch_that_fails_leaves_the_old_copy_and_no_litter(settings: Settings) -> None:
    fetch(settings, INFO, "one")
    with incoming(settings, "loans") as folder:
        folder.mkdir()
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0] == INFO
    assert shelf(settings) == ["loans"]


def test_a_withdrawn_copy_is_gone(settings: Settings) -> None:
    fetch(settings, INFO, "one")
    forget_copy(settings, "loans")
    forget_copy(settings, "loans")
    assert find_copy(settings, "loans") is None


def test_an_unreadable_note_is_no_copy(settings: Settings) -> None:
    fetch(settings, INFO, "one")
    note: Path = settings.last_good("loans") / "registered.json"
    for content in ("{", '{"problem": "loans"}', '{"aliases": [], "unheard": 1}'):
        note.write_text(content)
        assert find_copy(settings, "loans") is None
