"""`ratchet signing-key create`: a pair of keys, one to sign releases and one to verify them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import remark, write_result


def signing_key(
    action: Annotated[Literal["create"], typer.Argument(help="create: make a new pair.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for both files.")],
    json: Json = False,
) -> None:
    """Make an Ed25519 pair: the private key signs releases, the public one tells the service which to trust."""
    from pipelines.stores.bundles.signing import create_keys

    private, public = create_keys(out.expanduser().absolute())
    result = {"signing_key": str(private), "verify_key": str(public)}

    def show() -> None:
        remark(f"private key (keep it where releases are made): RATCHET_SIGNING_KEY={private}")
        remark(f"public key (where releases are served): RATCHET_VERIFY_KEY={public}")

    write_result(result, json, show)
