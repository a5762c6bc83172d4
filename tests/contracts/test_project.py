"""What holds for the project as a whole: the house stands, the lock is complete, every module has its test."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pipelines.core.settings import Settings

ROOT = Path(__file__).parents[2]


def test_imports_stand_on_five_floors() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_lock_pins_every_dependency_with_hashes_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = {_plain(name) for name in re.findall(r"^([\w.-]+)==\S+", lock, re.MULTILINE)}
    assert lock.count("--hash=sha256:") >= len(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {_plain(re.split(r"[<>=\[ ]", one)[0]) for one in wanted}
    assert names <= pinned


def _plain(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_source_module_has_a_test_of_its_name() -> None:
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    modules = [*(ROOT / "pipelines").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    named = [module for module in modules if not module.name.startswith("__")]
    missing = [str(module.relative_to(ROOT)) for module in named if f"test_{module.name}" not in tests]
    assert missing == []


def test_the_settings_page_names_every_setting() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        assert f"| `RATCHET_{name.upper()}` | {default} | {field.description} |" in page
