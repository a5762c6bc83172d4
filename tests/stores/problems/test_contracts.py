"""Contracts as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ContractError, NotFound
from pipelines.core.schema import Column, Contract
from pipelines.core.settings import Settings
from pipelines.stores.problems.contracts import contract_in_force, put_in_force, read_contract
from pipelines.stores.storage.files import write_json

ONE = Contract(problem="x", task="regression", target="y", columns=(Column(name="a", kind="numeric", low=0.5),))
TWO = ONE.model_copy(update={"target": "z"})


def test_the_latest_is_in_force_and_earlier_ones_stay(settings: Settings) -> None:
    assert contract_in_force("x", settings) is None
    first, second = put_in_force(ONE, settings), put_in_force(Contract(**TWO.model_dump()), settings)
    assert contract_in_force("x", settings) == TWO
    assert (read_contract(first), read_contract(second)) == (ONE, TWO)
    assert put_in_force(ONE, settings) == first
    assert contract_in_force("x", settings) == ONE


def test_a_file_that_holds_no_contract_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"problem": "x"})
    with pytest.raises(ContractError, match=r"a\.json holds no contract"):
        read_contract(tmp_path / "a.json")
    with pytest.raises(NotFound, match=r"b\.json does not exist"):
        read_contract(tmp_path / "b.json")
