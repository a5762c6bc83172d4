"""The copy is there in full or not at all."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.storage.files import digest_file
from services.prediction.last_good import (
    copies,
    find_copy,
    forget_copy,
    incoming,
    keep_copy,
    shelve,
    shelved,
)

INFO = ReleaseInfo("loans", 3, "run", "here", "d" * 64, "key", ("champion",), {"a": "b"}, 1.5)


def fetch(settings: Settings, info: ReleaseInfo, content: str) -> Path:
    with incoming(settings, info.problem) as folder:
        folder.mkdir()
        (folder / "model").write_text(content)
        return shelve(settings, info, folder)


def keep(settings: Settings, info: ReleaseInfo, content: str) -> None:
    fetch(settings, info, content)
    keep_copy(settings, info)


def shelf(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.last_good("loans").iterdir() if path.is_dir())


def version(number: int) -> ReleaseInfo:
    return dataclasses.replace(INFO, version=number)


def test_what_was_kept_is_found_again(settings: Settings) -> None:
    assert find_copy(settings, "loans") is None
    assert copies(settings) == []
    keep(settings, INFO, "one")
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0] == INFO
    assert (found[1] / "model").read_text() == "one"
    assert copies(settings) == ["loans"]
    assert shelf(settings) == ["3-run"]


def test_what_is_only_fetched_is_not_the_last_good_one(settings: Settings) -> None:
    keep(settings, INFO, "one")
    folder = fetch(settings, version(4), "two")
    assert shelved(settings, version(4)) == folder
    assert shelved(settings, version(5)) is None
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0].version == 3


def test_the_newest_few_stay(settings: Settings) -> None:
    for number in range(1, 8):
        keep(settings, version(number), str(number))
    assert shelf(settings) == ["4-run", "5-run", "6-run", "7-run"]
    keep_copy(settings, version(4))  # gone back to
    keep(settings, version(8), "8")
    assert "4-run" in shelf(settings)
    found = find_copy(settings, "loans")
    assert found is not None
    assert (found[1] / "model").read_text() == "8"


def test_a_fetch_that_fails_leaves_the_old_copy_and_no_litter(settings: Settings) -> None:
    keep(settings, INFO, "one")
    with incoming(settings, "loans") as folder:
        folder.mkdir()
    found = find_copy(settings, "loans")
    assert found is not None
    assert found[0] == INFO
    assert shelf(settings) == ["3-run"]


def test_the_same_release_fetched_again_replaces_a_damaged_one(settings: Settings) -> None:
    keep(settings, INFO, "damaged")
    fetch(settings, INFO, "whole")
    found = find_copy(settings, "loans")
    assert found is not None
    assert (found[1] / "model").read_text() == "whole"
    assert shelf(settings) == ["3-run"]


def test_a_whole_copy_is_never_moved_while_others_may_read_it(settings: Settings) -> None:
    """Of two processes that fetch a release at once, the second must not take the first one's files away."""
    places = []
    for _ in range(2):
        with incoming(settings, "loans") as folder:
            folder.mkdir()
            (folder / "model.skops").write_text("a model")
            (folder / "manifest.json").write_text(json.dumps({"model.skops": digest_file(folder / "model.skops")}))
            places.append(shelve(settings, INFO, folder).stat().st_ino)
    assert places[0] == places[1]
    (settings.last_good("loans") / "3-run" / "bundle" / "model.skops").write_text("damaged")
    fetch(settings, INFO, "whole")
    assert (settings.last_good("loans") / "3-run" / "bundle" / "model").read_text() == "whole"


def test_several_writers_leave_whole_copies(settings: Settings) -> None:
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                keep(settings, version(number % 3), "x" * 1000)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert shelf(settings) == ["0-run", "1-run", "2-run"]
    found = find_copy(settings, "loans")
    assert found is not None
    assert (found[1] / "model").read_text() == "x" * 1000


def test_a_withdrawn_copy_is_gone(settings: Settings) -> None:
    keep(settings, INFO, "one")
    forget_copy(settings, "loans")
    forget_copy(settings, "loans")
    assert find_copy(settings, "loans") is None


def test_an_unreadable_note_is_no_copy(settings: Settings) -> None:
    keep(settings, INFO, "one")
    note: Path = settings.last_good("loans") / "registered.json"
    for content in ("{", '{"problem": "loans"}', '{"aliases": [], "unheard": 1}'):
        note.write_text(content)
        assert find_copy(settings, "loans") is None
