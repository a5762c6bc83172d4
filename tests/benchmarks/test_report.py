from __future__ import annotations

from benchmarks.serving.findings import Columnar, Findings, Start
from benchmarks.serving.report import page, text
from benchmarks.serving.rounds import Measured

ABOUT = {"at": "2026-11-22T18:00:00+00:00", "cores": 2, "cpu": "A CPU", "memory_gb": 24, "python": "3.11.7",
         "rounds": 5, "seconds": 2.0}  # fmt: skip


def run() -> Findings:
    measured = [
        Measured("ratchet", 16, 1, 0.1, 9000.0, 1.0, 2.0, 0.0, 1),
        Measured("mlflow", 16, 1, 10.0, 90.0, 100.0, 200.0, 0.0, 1),
        Measured("ratchet", 1, 1000, 5.0, 150.0, 1.0, 2.0, 0.0, 1),
    ]
    starts = [Start("ratchet", "Ratchet", 1.5, 150.0, 150.0), Start("mlflow", "mlflow models serve", 9.0, 270.0, 520.0)]
    return Findings(
        measured, starts, [Columnar("arrow", 1000, 2.0, 4.0)], (1.0, 2.0), None, 3.2, (9000.0, 12000.0),
        {"bentoml": "it cannot be installed\nwith a trace"}, ABOUT,
    )  # fmt: skip


def test_every_part_of_a_run_is_shown_and_what_is_not_met_is_said() -> None:
    shown = text(run())
    assert "mlflow models serve" in shown
    assert " 100x" in shown  # its CPU of ours
    assert "1,000 rows of Arrow" in shown
    assert "150,000" in shown  # rows per second
    lines = shown.splitlines()
    assert any(line.startswith("less CPU per request than mlflow") and line.endswith("met") for line in lines)
    assert any("Arrow: the CPU" in line and line.endswith("not met") for line in lines)
    assert any("BentoML" in line and line.endswith("not measured") for line in lines)
    assert "left out: bentoml: it cannot be installed" in shown
    assert "trace" not in shown


def test_the_page_names_its_machine() -> None:
    shown = page(run())
    assert "2 cores of A CPU, 24 GB" in shown
    assert "| mlflow models serve |" in shown
    assert "Left out: bentoml: it cannot be installed" in shown
    assert shown.endswith("\n")
