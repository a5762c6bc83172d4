from __future__ import annotations

from typing import Any

STEPS = ["start", "ingest", "prepare", "featurize", "train", "evaluate", "release"]


def test_a_flow_shows_its_steps_as_it_goes(trained: Any) -> None:
    lines = trained.told.splitlines()
    assert list(dict.fromkeys(line.split()[0] for line in lines)) == STEPS
    assert lines[0].endswith("waking Prefect")
    assert all(any(line.split()[0] == step and "1/1" in line for line in lines) for step in ("start", "release"))
