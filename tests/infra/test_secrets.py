"""The stack's passwords and keys: made once, random, each where it is needed and nowhere else."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest

PLACE = Path(__file__).parents[2] / "infra" / "images" / "make_secrets.py"


@pytest.fixture
def program(load_file: Any) -> Any:
    return load_file(PLACE)


def everything(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_they_are_made_once_and_differ_from_stack_to_stack(program: Any, tmp_path: Path) -> None:
    assert program.make_secrets(tmp_path / "a")
    first = everything(tmp_path / "a")
    assert not program.make_secrets(tmp_path / "a")
    assert everything(tmp_path / "a") == first
    assert program.make_secrets(tmp_path / "b")
    other = everything(tmp_path / "b")
    assert other.keys() == first.keys()
    assert all(other[name] != content for name, content in first.items() if content)


def test_a_start_that_was_killed_halfway_makes_all_of_them_anew(program: Any, tmp_path: Path) -> None:
    program.make_secrets(tmp_path)
    before = everything(tmp_path)
    (tmp_path / "postgres" / program.DONE).unlink()
    assert program.make_secrets(tmp_path)
    assert everything(tmp_path)["prediction/ratchet_database_url"] != before["prediction/ratchet_database_url"]


def test_addresses_carry_the_password_of_their_own_role(program: Any, tmp_path: Path) -> None:
    program.make_secrets(tmp_path)
    made = everything(tmp_path)
    for role, file in (
        ("ratchet", "ratchet/ratchet_database_url"),
        ("ratchet", "prediction/ratchet_database_url"),
        ("mlflow", "mlflow/mlflow_database_url"),
        ("prefect", "prefect/prefect_database_url"),
    ):
        password = made[f"postgres/{role}_password"].strip()
        assert f"://{role}:{password}@postgres:5432/{role}" in made[file]
        assert len(password) >= 30
    assert made["postgres/postgres_password"].strip() not in "".join(
        content for name, content in made.items() if name != "postgres/postgres_password"
    )


def test_the_service_may_read_sealed_rows_and_no_more(program: Any, tmp_path: Path) -> None:
    program.make_secrets(tmp_path)
    given = configparser.ConfigParser()
    given.read(tmp_path / "prediction" / "aws_credentials")
    key = given["default"]["aws_access_key_id"]
    identities = json.loads((tmp_path / "s3" / "s3.json").read_text())["identities"]
    [mine] = [one for one in identities if one["credentials"][0]["accessKey"] == key]
    assert mine["actions"] == ["Read:ratchet-log", "List:ratchet-log"]
    assert len({one["credentials"][0]["accessKey"] for one in identities}) == len(identities)
