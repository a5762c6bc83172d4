"""A run in a clean place: a home of its own, a process of its own, and nothing but what a release has recorded.

The code that runs may be another than that of this process, so it is spoken to by its command line alone:
`ratchet step`, which every version has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.stores.storage.files import write_atomic, write_json

STEPS = ("prepare", "featurize", "train", "evaluate")
_DRIVER = (
    "import json, sys; from pipelines.cli import run\n"
    "for line in json.load(sys.stdin):\n"
    "    code = run(line)\n"
    "    if code: sys.exit(code)\n"
)
_TOLD_LINES = 12


@dataclass(frozen=True)
class Ingredients:
    """What a run is made from: `snapshot` is the file of its rows, `contract` the one in force, as JSON."""

    problem: str
    problem_text: str
    contract: Mapping[str, Any]
    snapshot: Path
    as_of: datetime


@dataclass(frozen=True)
class CleanRun:
    """What the steps have left in `folder`; `failed` is the end of what a failed step has told."""

    folder: Path
    failed: str | None = None


def run_cleanly(sources: Path, ingredients: Ingredients, place: Path) -> CleanRun:
    """Prepare, featurize, train and evaluate by the code in `sources`, in the empty folder `place`.

    Of the environment it gets no setting of Ratchet's. Its process ends with this call, whatever happens.
    """
    problem_file = place / f"{ingredients.problem}.yaml"
    write_atomic(problem_file, ingredients.problem_text.encode())
    home, folder = place / "home", place / "run"
    write_json(home / "contracts" / f"{ingredients.problem}.json", dict(ingredients.contract))
    common = [str(problem_file), "--folder", str(folder), "--as-of", ingredients.as_of.isoformat()]
    lines = [["step", name, *common] for name in STEPS]
    lines[0] += ["--snapshot", str(ingredients.snapshot)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
    own = {"RATCHET_HOME": str(home), "PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input=json.dumps(lines),
        cwd=place,
        env={**kept, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return CleanRun(folder)
    told = [line for line in done.stderr.splitlines() if line.strip()]
    return CleanRun(folder, "\n".join(told[-_TOLD_LINES:]) or f"it ended with {done.returncode}")
