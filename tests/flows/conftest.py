"""A Prefect server of the tests' own, and a small problem to train on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The API of a real server on a new database; flows of the tests run against it."""
    from prefect.settings import get_current_settings
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=240):
        yield str(get_current_settings().api.url)


WriteSmall = Callable[..., Path]


@pytest.fixture
def write_small(tmp_path: Path) -> WriteSmall:
    """Writes a small problem's table and file and gives the file's path; `extra` goes to its end."""

    def write(rows: int = 300, name: str = "small", extra: str = "") -> Path:
        noise = random.Random(7)
        lines = ["a,b,color,y"]
        for _ in range(rows):
            a, color = noise.gauss(0, 1), noise.choice("rgb")
            y = 2 * a + (color == "r") + noise.gauss(0, 0.5) > 0.3
            lines.append(f"{a:.4f},{noise.random():.4f},{color},{str(y).lower()}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
        path = tmp_path / f"{name}.yaml"
        data = f"name: {name}\ndata:\n  source: {name}.csv\n  target: y\n"
        path.write_text(f"{data}learners: [linear]\nsearch: {{trials: 1}}\n{extra}")
        return path

    return write


@pytest.fixture
def small(write_small: WriteSmall) -> Path:
    """The path of a small problem's file."""
    return write_small()
