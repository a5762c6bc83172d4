from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.stores import code_version as module
from pipelines.stores.code_version import (
    code_folder,
    code_repository,
    code_version,
    present_digest,
    run_key,
    source_digest,
)


def test_the_code_has_a_digest_and_states_its_libraries() -> None:
    found = code_version()
    assert len(found.digest) == 64
    assert found.version != "not installed"
    assert found.libraries["scikit-learn"].startswith("1.")
    assert found is code_version()
    assert set(found.as_json()) == {"commit", "clean", "version", "digest", "libraries"}
    assert (found.commit is None) == (found.clean is None)


def package(folder: Path) -> Path:
    for room in ("core", "stores", "steps", "commands"):
        (folder / "pipelines" / room).mkdir(parents=True)
        (folder / "pipelines" / room / "one.py").write_text(f"# {room}\n")
    return folder / "pipelines"


def test_the_digest_follows_the_code_that_makes_models(tmp_path: Path) -> None:
    made = package(tmp_path)
    first = source_digest(made, {"a": "1"})
    (made / "commands" / "one.py").write_text("# a better help text\n")
    (made / "core" / "notes.txt").write_text("no code")
    assert source_digest(made, {"a": "1"}) == first
    assert source_digest(made, {"a": "2"}) != first
    (made / "core" / "one.py").write_text("# other code\n")
    changed = source_digest(made, {"a": "1"})
    (made / "core" / "one.py").rename(made / "core" / "two.py")
    assert len({first, changed, source_digest(made, {"a": "1"})}) == 3


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_named_only_where_the_code_is_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = package(tmp_path)
    file = made / "stores" / "code_version.py"
    file.write_text("# us\n")
    monkeypatch.setattr(module, "_PACKAGE", made)
    monkeypatch.setattr(module, "__file__", str(file))
    ask = code_version.__wrapped__
    assert (ask().commit, ask().clean) == (None, None)  # no repository
    git(tmp_path, "init")
    assert ask().commit is None  # a repository that is somebody else's
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    assert (ask().commit, ask().clean) == (git(tmp_path, "rev-parse", "HEAD"), True)
    (tmp_path / "data.txt").write_text("not code")
    assert ask().clean is True
    (made / "core" / "new.py").write_text("")
    assert ask().clean is False


def test_without_git_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = code_version.__wrapped__()
    assert (found.commit, found.clean) == (None, None)


def test_a_run_key_names_snapshot_problem_and_code() -> None:
    keys = {run_key(*parts) for parts in [("a", "b", "c"), ("ab", "", "c"), ("a", "b", "d"), ("a", "b", "c")]}
    assert len(keys) == 3


def test_the_present_code_can_be_compared_beside_other_libraries() -> None:
    libraries = code_version().libraries
    assert present_digest(libraries) != present_digest({**libraries, "numpy": "0"})
    assert (code_folder() / "pipelines" / "stores" / "code_version.py").is_file()


def test_a_repository_is_ours_only_where_it_tracks_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = package(tmp_path)
    file = made / "stores" / "code_version.py"
    file.write_text("# us\n")
    monkeypatch.setattr(module, "_PACKAGE", made)
    monkeypatch.setattr(module, "__file__", str(file))
    git(tmp_path, "init")
    assert code_repository() is None
    git(tmp_path, "add", ".")
    assert code_repository() == tmp_path
