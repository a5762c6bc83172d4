from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.errors import ModelFileError, NotFound
from pipelines.core.settings import Settings
from services.prediction.one_release import VERSION, OneRelease, home_of_its_own


@pytest.fixture
def bundle(loans: Any, tmp_path: Path) -> Path:
    loans.bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@contextmanager
def serving(settings: Settings, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The service as a process with these arguments, and its address."""
    command = [sys.executable, "-m", "services.prediction", "--port", "0", *arguments]
    environment = {"RATCHET_HOME": str(settings.home), "RATCHET_HOST": "0.0.0.0", "TMPDIR": str(settings.home.parent)}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http://")), process
    finally:
        process.terminate()
        process.wait(30)
        process.stdin.close()
        process.stdout.close()


def test_it_knows_one_release_as_champion(bundle: Path, tmp_path: Path) -> None:
    reader = OneRelease(bundle)
    assert (reader.problems(), reader.champions()) == (["loans"], {"loans": VERSION})
    assert reader.aliases() == {"loans": {"champion": VERSION}}
    info = reader.champion("loans")
    assert info == reader.release("loans", VERSION)
    assert reader.champion("trips") is None
    with pytest.raises(NotFound, match="is not what is served here"):
        reader.release("trips", VERSION)
    assert info is not None
    assert (reader.fetch(info, tmp_path / "copy") / "model.skops").is_file()
    (bundle / "model.skops").write_bytes(b"another")
    with pytest.raises(ModelFileError, match="is not what was released"):
        reader.fetch(info, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    reader.close()


def test_its_home_is_gone_with_it_and_names_nothing_of_the_real_one(settings: Settings, tmp_path: Path) -> None:
    given = settings.model_copy(
        update={"database_url": "postgresql://somewhere/real", "mlflow_url": "http://real", "workers": 4}
    )
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "current.json").write_text("{}")
    with home_of_its_own(given, "loans", tmp_path / "history") as alone:
        assert alone.home.is_dir()
        assert str(alone.home) in alone.database
        assert (alone.mlflow_url, alone.workers, alone.host) == (None, 1, "127.0.0.1")
        assert (alone.history("loans") / "current.json").is_file()
    assert not alone.home.exists()
    assert (tmp_path / "history" / "current.json").is_file(), "only the link went"


def test_a_bundle_is_served_alone_without_keys_and_leaves_nothing(bundle: Path, loans: Any, settings: Settings) -> None:
    with serving(settings, "--bundle", str(bundle)) as (url, _):
        assert url.startswith("http://127.0.0.1:"), "whatever RATCHET_HOST says: it asks for no keys"
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            content = client.post("/v1/models/loans/predict", json={"instances": loans.rows(2)}).json()
            assert len(content["predictions"]) == 2
    assert not settings.home.exists()
    assert {path.name for path in settings.home.parent.iterdir()} == {"bundle"}


def test_it_ends_with_its_input_where_it_is_tied_to_it(bundle: Path, settings: Settings) -> None:
    with serving(settings, "--bundle", str(bundle), "--tied") as (_, process):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bundle", "nowhere"], "this is no bundle"),
        (["--bundle", "nowhere", "--host", "0.0.0.0"], "serves on 127.0.0.1 only"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: list[str], told: str, settings: Settings, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.prediction", *arguments]
    environment = {"RATCHET_HOME": str(settings.home)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert told in done.stderr
