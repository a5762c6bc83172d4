from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.core.settings import Settings


@pytest.fixture
def bare(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and no RATCHET_ variable set."""
    monkeypatch.delenv("RATCHET_HOME")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_the_embedded_stack(bare: Path) -> None:
    settings = Settings()
    home = bare / ".ratchet"
    assert settings.home == settings.data_root == home
    assert settings.database == f"sqlite:///{home}/ratchet.db"
    assert settings.tracking_uri == f"sqlite:///{home}/mlflow/mlflow.db"
    assert (settings.mlflow_url, settings.prefect_url) == (None, None)
    assert settings.host == "127.0.0.1"  # nothing listens to the network unless somebody says so
    ports = (settings.service_port, settings.mlflow_port, settings.prefect_port, settings.evidently_port)
    assert (*ports, settings.console_port) == (8000, 5000, 4200, 8001, 8002)
    assert list(bare.iterdir()) == []  # to read settings makes nothing


def test_derived_paths_are_in_the_home_and_one_per_problem(settings: Settings) -> None:
    paths = [settings.artifacts, settings.evidently_workspace]
    for problem in ("one", "two"):
        paths += [make(problem) for make in (settings.work, settings.contract, settings.history, settings.last_good)]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to(settings.home) for path in paths)
    assert settings.contract("one") == settings.home / "contracts" / "one.json"


def test_the_environment_says_where(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"DATABASE_URL": "postgresql://db/x", "MLFLOW_URI": "http://m", "DATA": "tables", "SERVICE_PORT": "0"}
    for name, value in said.items():
        monkeypatch.setenv(f"RATCHET_{name}", value)
    settings = Settings()
    assert (settings.database, settings.tracking_uri) == ("postgresql://db/x", "http://m")
    assert (settings.data_root, settings.home) == (bare / "tables", bare / ".ratchet")
    assert settings.service_port == 0


def test_the_home_stays_where_it_was_whatever_the_folder(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_HOME", "state")
    settings = Settings()
    (bare / "elsewhere").mkdir()
    monkeypatch.chdir(bare / "elsewhere")
    assert settings.home == bare / "state"
    monkeypatch.setenv("HOME", str(bare))
    monkeypatch.setenv("RATCHET_HOME", "~/state")
    assert Settings().home == bare / "state"


def test_an_empty_variable_is_as_good_as_none(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"RATCHET_{name.upper()}", "")
    given = Settings()
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RATCHET_{name.upper()}")
    assert given == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_PORT", "65536"),
        ("MLFLOW_PORT", "-1"),
        ("PREFECT_PORT", "http"),
        ("EVIDENTLY_PORT", "80.5"),
        ("POLL_SECONDS", "0"),
        ("POLL_SECONDS", "61"),
        ("POLL_SECONDS", "nan"),
        ("CONSOLE_PORT", "-1"),
        ("ALERT_WEBHOOK", "https://a.example.org,hooks.example.org"),
        ("ALERT_EMAIL_TO", "ada"),
        ("ALERT_EMAIL_FROM", "Ada <ada@example.org>"),
    ],
)
def test_what_cannot_be_used_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RATCHET_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name.lower(),)]


def test_an_unknown_setting_is_refused_and_a_known_one_stays(settings: Settings) -> None:
    with pytest.raises(ValidationError, match=r"hoem\n.*not permitted"):
        Settings(hoem="state")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="frozen"):
        settings.home = Path("other")  # type: ignore[misc]


def test_where_notices_go_is_a_list_and_links_have_one_form(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (settings.webhooks, settings.mail_to) == ([], [])
    assert settings.console == "http://127.0.0.1:8002"
    assert Settings(host="0.0.0.0").console == "http://localhost:8002"
    assert Settings(host="::1", console_port=9000).console == "http://[::1]:9000"
    assert Settings(console_url="https://ratchet.example.org/").console == "https://ratchet.example.org"
    given = Settings(alert_webhook="http://a, https://b/c ,", alert_email_to="a@b,c@d")
    assert (given.webhooks, given.mail_to) == (["http://a", "https://b/c"], ["a@b", "c@d"])
    monkeypatch.chdir(tmp_path)
    assert Settings(smtp_url="secrets/smtp").smtp_url == str(tmp_path / "secrets" / "smtp")
    hidden = Settings(smtp_url="smtp://me:secret@mail.example.org")
    assert hidden.smtp_url == "smtp://me:secret@mail.example.org"
    assert "secret@" not in repr(hidden)
