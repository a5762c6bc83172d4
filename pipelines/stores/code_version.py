"""Which code ran: the git commit, whether it was clean, and a digest of the sources that make a model."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

ROOMS = ("core", "stores", "steps")
"""Rooms of `pipelines` whose code decides what comes out; commands and servers do not."""
LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "lightgbm", "optuna", "duckdb", "skops")
"""Libraries whose version can change a model or how its file is read."""
_PACKAGE = Path(__file__).parents[1]
_GIT_SECONDS = 10


@dataclass(frozen=True)
class CodeVersion:
    """`commit` and `clean` are None where the code lies in no git repository; `digest` is always there."""

    commit: str | None
    clean: bool | None
    version: str
    digest: str
    libraries: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return asdict(self)


@lru_cache(maxsize=1)
def code_version() -> CodeVersion:
    """The code of this process, as it lay on disk when first asked."""
    libraries = {name: _installed(name) for name in LIBRARIES}
    digest = source_digest(_PACKAGE, libraries)
    commit = _git("rev-parse", "HEAD") if _tracked() else None
    clean = None
    if commit is not None:
        top = Path(_git("rev-parse", "--show-toplevel") or ".")
        paths = [str(_PACKAGE), str(top / "services"), str(top / "requirements.lock")]
        changes = _git("status", "--porcelain", "--", *[path for path in paths if Path(path).exists()])
        clean = None if changes is None else changes == ""
    return CodeVersion(commit, clean, _installed("ratchet-mlops"), digest, libraries)


def run_key(snapshot: str, problem_digest: str, code_digest: str) -> str:
    """What names a run: the same snapshot, problem and code give the same key, 16 hex digits.

    >>> run_key("a", "b", "c") == run_key("a", "b", "c"), len(run_key("a", "b", "d"))
    (True, 16)
    """
    text = json.dumps([snapshot, problem_digest, code_digest])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def present_digest(libraries: dict[str, str]) -> str:
    """The digest that the code of this process would have beside other versions of the libraries.

    Equal to a recorded digest with the recorded libraries, it shows that the code is the same, whatever is installed.
    """
    return source_digest(_PACKAGE, libraries)


def code_folder() -> Path:
    """The folder that holds the package of this process: what PYTHONPATH names to run the same code elsewhere."""
    return _PACKAGE.parent


def code_repository() -> Path | None:
    """The git repository that tracks our own files; None where they lie in none, or in somebody else's."""
    top = _git("rev-parse", "--show-toplevel") if _tracked() else None
    return None if top is None else Path(top)


def source_digest(package: Path, libraries: dict[str, str]) -> str:
    """SHA-256 over the package's Python files in `ROOMS`, by name and content, and library versions."""
    found = hashlib.sha256(json.dumps(libraries, sort_keys=True).encode())
    for path in sorted(path for room in ROOMS for path in (package / room).rglob("*.py")):
        content = path.read_bytes()
        found.update(f"\n{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _tracked() -> bool:
    """Whether git tracks our own files: an environment inside somebody's repository is not ours to cite."""
    return _git("ls-files", "--error-unmatch", str(Path(__file__))) is not None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_PACKAGE), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
