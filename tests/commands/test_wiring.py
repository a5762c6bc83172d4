from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import ProblemError, SourceError
from pipelines.core.settings import Settings


@pytest.mark.filterwarnings("default")
def test_tools_are_told_before_they_are_imported(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "PREFECT_API_URL": "https://cloud.example/api"})
    assert prepare_tools(settings) is None
    assert os.environ["PREFECT_HOME"] == str(settings.home / "prefect")
    assert (settings.home / "prefect").is_dir()
    assert "PREFECT_API_URL" not in os.environ
    elsewhere = settings.model_copy(update={"prefect_url": "http://elsewhere/api"})
    assert prepare_tools(elsewhere) == os.environ["PREFECT_API_URL"] == "http://elsewhere/api"
    assert prepare_tools(elsewhere, with_server=False) is None


def test_a_bad_setting_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_SERVICE_PORT", "70000")
    with pytest.raises(ProblemError, match="RATCHET_SERVICE_PORT"):
        read_settings()


def test_a_key_that_cannot_be_read_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_SIGNING_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(SourceError, match=r"RATCHET_SIGNING_KEY .*none\.pem cannot be read"):
        read_settings()
