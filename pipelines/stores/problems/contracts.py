"""Contracts as files: the one in force for each problem, and every one that ever was, by its digest."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pipelines.core.errors import ContractError
from pipelines.core.schema import Contract
from pipelines.core.settings import Settings
from pipelines.stores.storage.files import read_json, write_json


def read_contract(path: Path) -> Contract:
    """The contract of a file; NotFound when there is none, ContractError when it holds something else."""
    try:
        return Contract.model_validate(read_json(path))
    except ValidationError as error:
        raise ContractError(
            f"{path} holds no contract ({error.error_count()} errors): remove it to have it inferred anew"
        ) from error


def contract_in_force(problem: str, settings: Settings) -> Contract | None:
    """The contract that the problem's next rows must keep; None before the first ingest."""
    path = settings.contract(problem)
    return read_contract(path) if path.exists() else None


def put_in_force(contract: Contract, settings: Settings) -> Path:
    """The contract's own file, which no later one replaces; the contract in force is a copy of it."""
    content = contract.model_dump(mode="json")
    in_force = settings.contract(contract.problem)
    path = in_force.with_suffix("") / f"{contract.digest[:16]}.json"
    if not path.exists():
        write_json(path, content)
    if contract_in_force(contract.problem, settings) != contract:
        write_json(in_force, content)
    return path
