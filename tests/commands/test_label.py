from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.commands.label import label_items
from pipelines.core.errors import SourceError
from pipelines.core.schema import Column, Contract

At = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def answered(at_home: At, trained: Any, tmp_path: Path) -> list[str]:
    """The ids of a few answers."""
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join((trained.folder / "late.csv").read_text().splitlines()[:4]) + "\n")
    code, _, err = at_home("predict", "late", rows, "-o", tmp_path / "answers.csv")
    assert code == 0, err
    return [row["id_"] for row in csv.DictReader((tmp_path / "answers.csv").read_text().splitlines())]


def test_labels_are_accepted_one_by_one(at_home: At, answered: list[str], tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    lines = [f"{answered[0]},true,2026-01-12", f"{answered[1]},perhaps,2026-01-12", "nobody,true,2026-01-12"]
    file.write_text("\n".join(["id,late,known_at", *lines, f"{answered[2]},,"]) + "\n")
    code, out, _ = at_home("label", "late", file, "--json")
    assert code == 0
    assert out["accepted"] == 1
    assert [one["id"] for one in out["rejected"]] == [answered[1], "nobody"]
    assert all(one["reason"] for one in out["rejected"])

    file.write_text("id,label\nnobody,true\n")
    assert at_home("label", "late", file)[0] == 11


def test_a_table_without_ids_is_explained(at_home: At, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("key,label\n1,true\n")
    code, out, _ = at_home("label", "late", tmp_path / "labels.csv", "--json")
    assert code == 4
    assert "it has key, label" in out["error"]["message"]


def test_items_are_plain_values(trained: Any) -> None:
    from pipelines.core.settings import Settings
    from pipelines.stores.problems.contracts import contract_in_force

    contract = contract_in_force("late", Settings(home=trained.home))
    assert contract is not None
    frame = pd.DataFrame({"id": ["a", "b"], "label": [True, False], "known_at": ["2026-01-01T00:00:00Z", None]})
    first, second = label_items(frame, contract, Path("x"))
    assert (first["id"], first["label"]) == ("a", True)
    assert type(first["label"]) is bool
    assert str(first["known_at"]) == "2026-01-01 00:00:00"
    assert "known_at" not in second
    with pytest.raises(SourceError, match="row 1: known_at 'soon' is no moment"):
        label_items(frame.assign(known_at=["soon", None]), contract, Path("x"))


def test_a_feature_called_label_is_no_label() -> None:
    shop = Column(name="label", kind="categorical")
    contract = Contract(
        problem="p", task="binary", target="sold", classes=["no", "yes"], class_type="text", columns=(shop,)
    )
    frame = pd.DataFrame({"id": ["a"], "label": ["no"], "sold": ["yes"]})
    assert label_items(frame, contract, Path("x")) == [{"id": "a", "label": "yes"}]
    plain = contract.model_copy(update={"columns": ()})
    assert label_items(frame, plain, Path("x")) == [{"id": "a", "label": "no"}]
