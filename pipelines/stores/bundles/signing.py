"""Signatures of releases (Ed25519): a registry or a disk in strange hands cannot put a model of its own into service.

Signed are the problem, the run, and the digests of the model and of the bundle's manifest, which names every file.
The version number is not: the registry gives it afterwards. `cryptography` is imported only where a key is in use.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import ModelFileError, SourceError
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE = "ratchet.signature"
PRIVATE, PUBLIC = "signing-key.pem", "verify-key.pem"


def signed_content(problem: str, run_id: str, run_key: str, digest: str, manifest: str) -> bytes:
    """What a signature stands for.

    >>> signed_content("flights", "r", "k", "d", "m")
    b'ratchet release 1\\nflights\\nr\\nk\\nd\\nm'
    """
    return "\n".join(["ratchet release 1", problem, run_id, run_key, digest, manifest]).encode()


class Signer:
    """Signs releases with the private key in a PEM file; SourceError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(_read(path, "RATCHET_SIGNING_KEY"), password=None)
        except (ValueError, TypeError) as error:
            raise SourceError(
                f"RATCHET_SIGNING_KEY {path} holds no private key without a password ({error})"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SourceError(
                f"RATCHET_SIGNING_KEY {path} is no Ed25519 key: make one with `ratchet signing-key create`"
            )
        self._key: Ed25519PrivateKey = key

    def sign(self, problem: str, run_id: str, run_key: str, digest: str, manifest: str) -> str:
        """The signature as text."""
        return base64.b64encode(self._key.sign(signed_content(problem, run_id, run_key, digest, manifest))).decode()

    def sign_seal(self, digest: str) -> str:
        """The signature of a seal of the ledger, as text."""
        return base64.b64encode(self._key.sign(_sealed_content(digest))).decode()


class Verifier:
    """Refuses releases that the owner of a public key has not signed; SourceError when its file cannot be read."""

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(_read(path, "RATCHET_VERIFY_KEY"))
        except ValueError as error:
            raise SourceError(f"RATCHET_VERIFY_KEY {path} holds no public key ({error})") from error
        if not isinstance(key, Ed25519PublicKey):
            raise SourceError(
                f"RATCHET_VERIFY_KEY {path} is no Ed25519 key: make one with `ratchet signing-key create`"
            )
        self._key: Ed25519PublicKey = key

    def require(self, release: ReleaseInfo) -> None:
        """Nothing for a signed release; ModelFileError says why another is refused."""
        from cryptography.exceptions import InvalidSignature

        name = f"version {release.version} of {release.problem}"
        told, manifest = release.tags.get(SIGNATURE), release.tags.get(MANIFEST_DIGEST)
        if not told or not manifest:
            raise ModelFileError(f"{name} is not signed and RATCHET_VERIFY_KEY is set: release it with the signing key")
        content = signed_content(release.problem, release.run_id, release.run_key, release.digest, manifest)
        try:
            self._key.verify(base64.b64decode(told, validate=True), content)
        except (InvalidSignature, binascii.Error) as error:
            raise ModelFileError(
                f"the signature of {name} does not fit: it was signed with another key, or the registry was changed"
            ) from error

    def accepts_seal(self, digest: str, signature: str) -> bool:
        """Whether the owner of the key has signed this seal of the ledger."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(base64.b64decode(signature, validate=True), _sealed_content(digest))
        except (InvalidSignature, binascii.Error):
            return False
        return True


def open_verifier(path: Path | None) -> Verifier | None:
    """The verifier that a setting asks for."""
    return None if path is None else Verifier(path)


def open_signer(path: Path | None) -> Signer | None:
    """The signer that a setting asks for."""
    return None if path is None else Signer(path)


def create_keys(folder: Path) -> tuple[Path, Path]:
    """A new pair in `folder`: the private key that only its owner can read, and the public one.

    SourceError when either file is there already: a key that signs releases is never overwritten.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / PRIVATE, folder / PUBLIC
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    open_one = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    if public.exists():
        raise SourceError(f"{public} is there already: choose another folder")
    _write_new(private, secret, 0o600)
    _write_new(public, open_one, 0o644)
    return private, public


def _sealed_content(digest: str) -> bytes:
    return f"ratchet ledger 1\n{digest}".encode()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise SourceError(f"{path} is there already: choose another folder") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{setting} {path} cannot be read ({error.strerror}): check the path and its rights"
        ) from error
