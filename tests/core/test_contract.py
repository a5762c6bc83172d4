"""The door to the contract: everything that others need is behind it."""

from __future__ import annotations

from pipelines.core import contract


def test_the_door_shows_what_it_names() -> None:
    assert all(hasattr(contract, name) for name in contract.__all__)
    assert {"infer_contract", "check", "check_rows", "schema_change", "encode_target"} <= set(contract.__all__)
