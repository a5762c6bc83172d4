"""A release that other code made, reproduced by the commit that made it, from a repository of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pipelines
from pipelines.core.settings import Settings
from pipelines.steps.reproduce import reproduce

LATER = datetime(2026, 3, 1, tzinfo=UTC)
CHANGED = "entry, params = search.choice(len(rows))"
TRAINING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.release import release
from pipelines.steps.train import train
from pipelines.stores.problems.problem_files import load_problem

settings, as_of = Settings(rehearsal=False), datetime(2026, 1, 10, tzinfo=UTC)
loaded, folder = load_problem("late.yaml"), Path("run")
folder.mkdir()
ingested = ingest(loaded, settings, as_of)
prepare(loaded, ingested, folder)
featurize(loaded, folder)
train(loaded, folder)
evaluate(loaded, folder, None)
print(release(loaded, settings, folder, ingested, as_of).model_digest)
"""
ROWS = [
    f"{row},2026-01-{1 + row // 30:02d} {row % 24:02d}:00,{row * 37 % 101},{row * 37 % 101 > 50}" for row in range(240)
]
PROBLEM = (
    "name: late\ndata: {source: late.csv, target: late, time: at, key: id, label_delay: 1h}\n"
    "learners: [{name: linear, params: {C: 1.0}}]\nsearch: {trials: 1}\n"
)


def git(folder: Path, *words: str) -> None:
    named = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.journey
def test_the_code_of_that_day_gives_the_model_of_that_day(settings: Settings, tmp_path: Path) -> None:
    repository, place = tmp_path / "repository", tmp_path / "place"
    package = Path(next(iter(pipelines.__path__)))
    shutil.copytree(package, repository / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    step = repository / "pipelines" / "steps" / "train.py"
    today = step.read_text()
    assert today.count(CHANGED) == 1
    step.write_text(today.replace(CHANGED, f"{CHANGED}\n        params = {{**params, 'C': 0.05}}"))
    git(repository, "init", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "the code of that day")
    place.mkdir()
    (place / "late.csv").write_text("\n".join(["id,at,load,late", *ROWS]) + "\n")
    (place / "late.yaml").write_text(PROBLEM)
    environment = {**os.environ, "RATCHET_HOME": str(settings.home), "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    digest = done.stdout.split()[-1]
    shutil.rmtree(place)
    step.write_text(today)
    git(repository, "commit", "-am", "the code of another day")

    found = reproduce("late", settings, 1, LATER, "an auditor", repository=repository)
    assert (found.outcome, found.made_digest, found.exact_code) == ("same", digest, True)
    assert found.commit is not None
    assert found.findings == []
    shutil.rmtree(repository / ".git")
    by_ours = reproduce("late", settings, 1, LATER.replace(month=4), "an auditor", repository=repository)
    assert (by_ours.outcome, by_ours.exact_code) == ("differs", False)
    assert [one.part for one in by_ours.findings][:3] == ["code", "parameters", "model"]
