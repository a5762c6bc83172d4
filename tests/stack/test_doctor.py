from __future__ import annotations

import os
import socket
import time

import pytest

from pipelines.core.settings import Settings
from pipelines.stack.addresses import run_folder
from pipelines.stack.doctor import examine
from pipelines.stack.versions import BREAKS


def _levels(settings: Settings) -> dict[str, str]:
    return {finding.check: finding.level for finding in examine(settings)}


def test_this_machine_is_well(settings: Settings) -> None:
    findings = {finding.check: finding for finding in examine(settings)}
    assert {finding.level for finding in findings.values()} <= {"ok", "warning"}
    assert set(BREAKS) <= set(findings)
    assert {"home", "data", "disk", "clock", "libgomp", "port of mlflow"} <= set(findings)
    assert all(finding.advice for finding in findings.values() if finding.level != "ok")


def test_a_version_known_to_break_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BREAKS, "pandas", ("<2", "as an example"))
    monkeypatch.setitem(BREAKS, "no-such-package", ("<2", "as an example"))
    levels = _levels(settings)
    assert levels["pandas"] == "error"
    assert levels["no-such-package"] == "error"


def test_a_port_in_use_is_a_warning(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        changed = settings.model_copy(update={"mlflow_port": taken.getsockname()[1]})
        assert _levels(changed)["port of mlflow"] == "warning"


def test_a_clock_that_was_set_back_is_an_error(settings: Settings) -> None:
    run_folder(settings).mkdir(parents=True)
    record = run_folder(settings) / "mlflow.json"
    record.write_text("{}")
    os.utime(record, (time.time() + 3600, time.time() + 3600))
    assert _levels(settings)["clock"] == "error"


def test_a_home_that_cannot_be_made_is_an_error(settings: Settings) -> None:
    changed = settings.model_copy(update={"home": settings.home.__class__("/proc/ratchet")})
    assert _levels(changed)["home"] == "error"


def test_bytecode_that_is_not_written_matters_where_nothing_is_compiled(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr("pipelines.stack.doctor._is_compiled", lambda package: True)
    assert "bytecode" not in _levels(settings)
    monkeypatch.setattr("pipelines.stack.doctor._is_compiled", lambda package: False)
    assert _levels(settings)["bytecode"] == "warning"


def test_ports_of_what_runs_elsewhere_are_not_looked_at(settings: Settings) -> None:
    far = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9", "prefect_url": "http://127.0.0.1:9/api"})
    levels = _levels(far)
    assert "port of mlflow" not in levels
    assert "port of prefect" not in levels
    assert (levels["mlflow"], levels["prefect"], levels["port of console"]) == ("error", "error", "ok")
