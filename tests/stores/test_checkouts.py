from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines.stores import checkouts as module
from pipelines.stores import code_version
from pipelines.stores.checkouts import changed_files, check_out, checked_out_digest, find_sources
from pipelines.stores.code_version import code_folder, present_digest, source_digest

LIBRARIES = {"numpy": "1"}


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, line: str) -> str:
    (folder / "pipelines" / "core" / "model.py").write_text(f"{line}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", line)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a package of another day: it digests itself as ours does."""
    top = tmp_path / "repository"
    for room in ("core", "stores", "steps"):
        (top / "pipelines" / room).mkdir(parents=True)
        (top / "pipelines" / room / "__init__.py").write_text("")
    (top / "pipelines" / "__init__.py").write_text("")
    shutil.copy(Path(code_version.__file__), top / "pipelines" / "stores" / "code_version.py")
    git(top, "init", "-b", "main")
    return top


def recorded(repository: Path, name: str | None, clean: bool = True) -> dict[str, Any]:
    digest = source_digest(repository / "pipelines", LIBRARIES)
    return {"commit": name, "clean": clean, "digest": digest, "libraries": LIBRARIES}


def test_the_code_that_runs_here_is_known_by_its_digest_whatever_is_installed(tmp_path: Path) -> None:
    found = find_sources({"digest": present_digest(LIBRARIES), "libraries": LIBRARIES}, tmp_path / "code")
    assert (found.folder, found.commit, found.exact) == (code_folder(), None, True)
    assert not (tmp_path / "code").exists()


def test_the_recorded_commit_is_taken_out_of_git(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, "# one")
    code = recorded(repository, first)
    commit(repository, "# two")
    found = find_sources(code, tmp_path / "code", repository)
    assert (found.folder, found.commit, found.exact) == (tmp_path / "code", first, True)
    assert (found.folder / "pipelines" / "core" / "model.py").read_text() == "# one\n"
    assert git(repository, "status", "--porcelain") == ""
    assert changed_files(first, repository) == ["pipelines/core/model.py"]


def test_changes_that_were_committed_later_are_found(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, "# one")
    (repository / "pipelines" / "core" / "model.py").write_text("# three\n")
    code = recorded(repository, first, clean=False)
    commit(repository, "# two")
    third = commit(repository, "# three")
    found = find_sources(code, tmp_path / "code", repository)
    assert (found.commit, found.exact) == (third, True)
    assert "not committed yet" in found.told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"clean": False, "digest": "0" * 64}, "changes to commit"),
        ({"clean": True, "digest": "0" * 64}, "does not hold the code"),
        ({"commit": "f" * 40, "digest": "0" * 64}, "is not in the repository"),
        ({"commit": None, "digest": "0" * 64}, "outside git"),
        ({"commit": "--output=/tmp/x", "digest": "0" * 64}, "outside git"),
        ({"digest": None}, "does not state"),
    ],
)
def test_otherwise_the_present_code_runs_and_that_is_told(
    change: dict[str, Any], told: str, repository: Path, tmp_path: Path
) -> None:
    code = recorded(repository, commit(repository, "# one")) | change
    found = find_sources(code, tmp_path / "code", repository)
    assert (found.folder, found.commit, found.exact) == (code_folder(), None, False)
    assert told in found.told
    assert "present code ran" in found.told
    assert not (tmp_path / "code").exists()


def test_without_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code_repository", lambda: None)
    code = {"commit": "f" * 40, "clean": True, "digest": "0" * 64, "libraries": LIBRARIES}
    assert "no git repository" in find_sources(code, tmp_path / "code").told
    assert changed_files("f" * 40) == []


def test_a_checkout_digests_itself(repository: Path, tmp_path: Path) -> None:
    name = commit(repository, "# one")
    assert check_out(repository, name, tmp_path / "out")
    assert checked_out_digest(tmp_path / "out", LIBRARIES) == source_digest(repository / "pipelines", LIBRARIES)
    assert not check_out(repository, "e" * 40, tmp_path / "none")
