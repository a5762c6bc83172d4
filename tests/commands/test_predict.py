from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

At = Callable[..., tuple[int, Any, str]]


def test_every_row_is_answered(at_home: At, trained: Any) -> None:
    output = trained.folder / "answers.csv"
    code, out, _ = at_home(
        "predict", "late", trained.folder / "late.csv", "-o", output, "--as-of", "2026-01-11", "--json"
    )
    assert code == 0
    assert (out["rows"], out["answered"], out["refused"], out["logged"]) == (400, 400, 0, 400)
    answers = list(csv.DictReader(output.read_text().splitlines()))
    truth = list(csv.DictReader((trained.folder / "late.csv").read_text().splitlines()))
    assert [row["id"] for row in truth] == [row["id"] for row in answers]  # the key; the prediction's id is in id_
    right = sum(row["prediction"] == known["late"] for row, known in zip(answers, truth, strict=True))
    assert right > 280


def test_without_a_champion_it_is_not_found(ratchet: At, trained: Any) -> None:
    code, out, _ = ratchet("predict", "late", trained.folder / "late.csv", "-o", trained.folder / "no.csv", "--json")
    assert code == 8
    assert "ratchet train late" in out["error"]["message"]
