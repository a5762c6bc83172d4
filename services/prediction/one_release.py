"""One release served from its folder, for a rehearsal or a look: no registry, no keys, and a home that goes with it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import NotFound
from pipelines.stores.bundles.bundle import MANIFEST, Bundle
from pipelines.stores.bundles.bundle_folders import copy_folder, verified
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.storage.files import digest_file

if TYPE_CHECKING:
    from pipelines.core.settings import Settings

VERSION = 1
"""What the one release is called here: the registry has not numbered it yet."""


class OneRelease:
    """A registry that knows the bundle in `folder` and nothing else, as champion; ModelFileError if it is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        bundle = Bundle.open(self._folder)
        self._info = ReleaseInfo(
            problem=bundle.contract.problem,
            version=VERSION,
            run_id=str(bundle.release.get("run_id", "")),
            source=self._folder.as_uri(),
            digest=str(bundle.release.get("model_digest", "")),
            run_key=str(bundle.release.get("run_key", "")),
            aliases=("champion",),
            tags={MANIFEST_DIGEST: digest_file(self._folder / MANIFEST)},
        )

    def aliases(self) -> dict[str, dict[str, int]]:
        """The one problem with its champion."""
        return {self._info.problem: {"champion": VERSION}}

    def champions(self) -> dict[str, int | None]:
        """The one problem with its champion's version."""
        return {self._info.problem: VERSION}

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """The one release; NotFound for any other."""
        if (problem, version) != (self._info.problem, VERSION):
            raise NotFound(f"{problem} version {version} is not what is served here: that is {self._info.problem}")
        return self._info

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The one release, for its problem."""
        return self._info if problem == self._info.problem else None

    def problems(self) -> list[str]:
        """The one problem."""
        return [self._info.problem]

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """A copy of the bundle as the new folder `into`, verified: what is served cannot change below it."""
        return verified(release, into, lambda: copy_folder(self._folder, into))

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def home_of_its_own(settings: Settings, problem: str, history: Path | None) -> Iterator[Settings]:
    """The settings for a service that must leave no trace: what is logged and kept goes when the block ends.

    `history`: the store that the release's history features are looked up in, read and never written.
    """
    with tempfile.TemporaryDirectory(prefix="ratchet-one-release-") as name:
        nothing = dict.fromkeys(("data", "database_url", "mlflow_uri", "mlflow_url", "signing_key", "verify_key"))
        alone = settings.model_copy(update={"home": Path(name), "host": "127.0.0.1", "workers": 1, **nothing})
        if history is not None:
            alone.history(problem).parent.mkdir(parents=True)
            alone.history(problem).symlink_to(history.absolute(), target_is_directory=True)
        yield alone


def end_with_input() -> None:
    """Have this process end once its standard input does: whoever started it may be killed without a word."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-input", daemon=True).start()
