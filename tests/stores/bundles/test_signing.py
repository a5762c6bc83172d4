"""What was signed is trusted, anything else is refused with the reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import ModelFileError, SourceError
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE, Signer, Verifier, create_keys, open_signer, open_verifier


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return create_keys(tmp_path / "keys")


@pytest.fixture
def signed(keys: tuple[Path, Path]) -> ReleaseInfo:
    signature = Signer(keys[0]).sign("loans", "run", "key", "d" * 64, "m" * 64)
    tags = {MANIFEST_DIGEST: "m" * 64, SIGNATURE: signature}
    return ReleaseInfo("loans", 3, "run", "here", "d" * 64, "key", ("champion",), tags)


def test_a_signed_release_is_trusted_whatever_its_version(keys: tuple[Path, Path], signed: ReleaseInfo) -> None:
    verifier = Verifier(keys[1])
    verifier.require(signed)
    verifier.require(dataclasses.replace(signed, version=9, source="elsewhere", aliases=()))
    assert open_verifier(None) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda one: dataclasses.replace(one, problem="trips"),
        lambda one: dataclasses.replace(one, run_id="another"),
        lambda one: dataclasses.replace(one, run_key="another"),
        lambda one: dataclasses.replace(one, digest="e" * 64),
        lambda one: dataclasses.replace(one, tags=one.tags | {MANIFEST_DIGEST: "n" * 64}),
        lambda one: dataclasses.replace(one, tags=one.tags | {SIGNATURE: "AAAA"}),
        lambda one: dataclasses.replace(one, tags=one.tags | {SIGNATURE: "no base64!"}),
    ],
)
def test_anything_else_is_refused(
    keys: tuple[Path, Path], signed: ReleaseInfo, change: Callable[[ReleaseInfo], ReleaseInfo]
) -> None:
    with pytest.raises(ModelFileError, match="does not fit"):
        Verifier(keys[1]).require(change(signed))


def test_a_release_without_a_signature_is_refused(keys: tuple[Path, Path], signed: ReleaseInfo) -> None:
    with pytest.raises(ModelFileError, match="version 3 of loans is not signed"):
        Verifier(keys[1]).require(dataclasses.replace(signed, tags={MANIFEST_DIGEST: "m" * 64}))


def test_another_key_is_no_good(tmp_path: Path, signed: ReleaseInfo) -> None:
    with pytest.raises(ModelFileError, match="another key"):
        Verifier(create_keys(tmp_path / "others")[1]).require(signed)


def test_the_private_key_is_its_owners_alone_and_never_overwritten(keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes()
    with pytest.raises(SourceError, match="there already"):
        create_keys(private.parent)
    public.unlink()
    with pytest.raises(SourceError, match="there already"):
        create_keys(private.parent)
    assert private.read_bytes() == before


def test_a_key_file_that_is_no_good_is_told(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with pytest.raises(SourceError, match=r"RATCHET_VERIFY_KEY .* cannot be read"):
        Verifier(tmp_path / "none.pem")
    with pytest.raises(SourceError, match=r"RATCHET_SIGNING_KEY .* cannot be read"):
        Signer(tmp_path)
    with pytest.raises(SourceError, match="no private key"):
        Signer(keys[1])
    with pytest.raises(SourceError, match="no public key"):
        Verifier(keys[0])
    _write_p256(tmp_path)
    with pytest.raises(SourceError, match="no Ed25519 key"):
        Verifier(tmp_path / "p256.pub")
    with pytest.raises(SourceError, match="no Ed25519 key"):
        Signer(tmp_path / "p256.pem")


def _write_p256(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    (folder / "p256.pem").write_bytes(secret)
    open_one = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    (folder / "p256.pub").write_bytes(open_one)


def test_a_seal_of_the_ledger_is_signed_too(tmp_path: Path) -> None:
    private, public = create_keys(tmp_path / "keys")
    signer, verifier = open_signer(private), open_verifier(public)
    assert open_signer(None) is None
    assert signer is not None
    assert verifier is not None
    signature = signer.sign_seal("d")
    assert verifier.accepts_seal("d", signature)
    assert not verifier.accepts_seal("e", signature)
    assert not verifier.accepts_seal("d", "no signature")
