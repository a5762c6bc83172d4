from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.stores.bundles.signing import Signer, Verifier

Call = Callable[..., tuple[int, Any, str]]


def test_a_pair_is_made_once(ratchet: Call, tmp_path: Path) -> None:
    code, out, _ = ratchet("signing-key", "create", "--out", tmp_path / "keys", "--json")
    assert code == 0
    Signer(Path(out["signing_key"]))
    Verifier(Path(out["verify_key"]))
    code, _, told = ratchet("signing-key", "create", "--out", tmp_path / "keys")
    assert code == 4
    assert "there already" in told


def test_a_person_is_told_the_settings(ratchet: Call, tmp_path: Path) -> None:
    code, _, told = ratchet("signing-key", "create", "--out", tmp_path / "keys")
    assert code == 0
    assert "RATCHET_SIGNING_KEY=" in told
    assert "RATCHET_VERIFY_KEY=" in told
