"""The code that made a release, found again: the code that runs here, or a commit taken out of git, by its digest.

A recorded digest settles it, not a commit's name: a release may have been made with changes that were committed later,
and a commit may have been rewritten.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.stores.code_version import ROOMS, code_folder, code_repository, present_digest
from pipelines.stores.storage.files import unpack

_SECONDS = 60
_LATER_COMMITS = 50  # looked through for changes that were not committed yet when the release was made
_DIGEST = (
    "import json, sys; from pathlib import Path; import pipelines; "
    "from pipelines.stores.code_version import source_digest; "
    "print(source_digest(Path(next(iter(pipelines.__path__))), json.load(sys.stdin)))"
)


@dataclass(frozen=True)
class Sources:
    """Code to run: `folder` holds the package, `commit` is None for the code of this process.

    `exact`: whether it is the recorded code by its digest; `told` says what was found, for a person.
    """

    folder: Path
    commit: str | None
    exact: bool
    told: str


def find_sources(code: Mapping[str, Any], into: Path, repository: Path | None = None) -> Sources:
    """The sources whose digest a release has recorded (`CodeVersion.as_json()`), or those of this process instead.

    A commit is taken out of `repository` (default: the one that this code lies in) into the new folder `into`; nothing
    in the repository changes. Where the recorded code cannot be found the present one is given, and `told` says why.
    """
    digest, libraries = code.get("digest"), dict(code.get("libraries") or {})
    here = code_folder()
    if not digest:
        return Sources(here, None, False, "the release does not state the code that made it: the present code ran")
    if present_digest(libraries) == digest:
        return Sources(here, None, True, "the code that is installed here is the recorded one")
    top = repository or code_repository()
    commit = str(code.get("commit") or "")
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        return Sources(here, None, False, "the release was made by code outside git: the present code ran")
    if top is None:
        return Sources(here, None, False, f"no git repository is here to take commit {commit[:12]} from: {_INSTEAD}")
    for number, one in enumerate(_commits(top, commit)):
        if not check_out(top, one, into):
            break
        if checked_out_digest(into, libraries) == digest:
            told = f"commit {one[:12]} is the recorded code" + (
                f", which was not committed yet when {commit[:12]} was recorded" if number else ""
            )
            return Sources(into, one, True, told)
    shutil.rmtree(into, ignore_errors=True)
    return Sources(here, None, False, _why(code, top, commit))


_INSTEAD = "the present code ran"


def _why(code: Mapping[str, Any], top: Path, commit: str) -> str:
    if _git(top, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        return f"commit {commit[:12]} is not in the repository {top.name}: {_INSTEAD}; fetch it, or name its repository"
    if code.get("clean") is False:
        return f"the release was made with changes to commit {commit[:12]} that are in no later commit: {_INSTEAD}"
    return f"commit {commit[:12]} does not hold the code that the release has recorded: {_INSTEAD}"


def check_out(repository: Path, commit: str, into: Path) -> bool:
    """Whether the package as of a commit lies in the folder `into` now, made anew; the work tree is left alone."""
    packed = _git(repository, "archive", "--format=tar", commit, "--", "pipelines")
    if packed is None:
        return False
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        unpack(archive, into)
    return True


def checked_out_digest(folder: Path, libraries: Mapping[str, str]) -> str | None:
    """The source digest that the code in `folder` gives itself: what counts as source has changed over time."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST],
        input=json.dumps(dict(libraries)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def changed_files(commit: str, repository: Path | None = None) -> list[str]:
    """Source files that differ between a commit and the work tree; empty where git cannot tell."""
    top = repository or code_repository()
    if top is None or not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        return []
    found = _git(top, "diff", "--name-only", commit, "--", *(f"pipelines/{room}" for room in ROOMS))
    return sorted((found or b"").decode().splitlines())


def _commits(repository: Path, commit: str) -> Iterator[str]:
    """The commit itself, then those after it that changed the package, oldest first."""
    yield commit
    listed = _git(
        repository, "rev-list", "--reverse", f"{commit}..HEAD", "--", *(f"pipelines/{room}" for room in ROOMS)
    )
    yield from (listed or b"").decode().split()[:_LATER_COMMITS]


def _git(repository: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
