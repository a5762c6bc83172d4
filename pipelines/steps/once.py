"""Steps that can be killed and run again: what is done stays done, what is half done is done anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.core.errors import NotFound
from pipelines.stores.storage.files import digest_file, read_json, write_json


def once(
    folder: Path,
    name: str,
    inputs: Mapping[str, str],
    work: Callable[[], Any],
    outputs: Sequence[str] = (),
) -> Any:
    """The JSON result of `work`, which runs unless it has run on the same inputs and its outputs still fit.

    `outputs` are files or folders that `work` writes, relative to `folder`; result and digests are kept in
    folder/<name>.done.json. NotFound when `work` leaves one of them out.
    """
    marker = folder / f"{name}.done.json"
    if (done := _done(marker)) is not None and done.get("inputs") == dict(inputs):
        kept = done.get("outputs", {})
        if set(kept) == set(outputs) and all(_digest(folder / one) == kept[one] for one in outputs):
            return done["result"]
    result = json.loads(json.dumps(work(), allow_nan=False))  # fresh or repeated, callers see the same types
    digests = {one: _digest(folder / one) for one in outputs}
    missing = [one for one, digest in digests.items() if digest is None]
    if missing:
        raise NotFound(f"step {name!r} has ended without writing {', '.join(missing)} in {folder}")
    write_json(marker, {"inputs": dict(inputs), "outputs": digests, "result": result})
    return result


def _done(marker: Path) -> dict[str, Any] | None:
    try:
        done = read_json(marker)
    except NotFound:  # not there, or damaged: the step runs
        return None
    return done if isinstance(done, dict) and "result" in done else None


def _digest(path: Path) -> str | None:
    """SHA-256 of a file, or of a folder's files and their relative names; None when there is nothing."""
    if path.is_file():
        return digest_file(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file():
            digest.update(f"{one.relative_to(path).as_posix()}\0{digest_file(one)}\0".encode())
    return digest.hexdigest()
