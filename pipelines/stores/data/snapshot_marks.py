"""Marks beside DVC's files in the remote: which snapshots are there in full, and under which of DVC's names.

DVC names files by their MD5 and keeps the list in `data.dvc`, of which every machine has a version of its own. The
mark of a snapshot is written once its push has ended, and tells any other machine what to ask DVC for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.storage.objects import Objects, open_objects, reaching


@dataclass(frozen=True)
class SnapshotMarks:
    """The marks in one remote."""

    place: Objects

    def md5(self, problem: str, identity: str) -> str | None:
        """DVC's name of a snapshot that is in the remote in full, else None."""
        path = self._path(problem, identity)
        with reaching(self.place.url):
            try:
                return str(json.loads(self.place.filesystem.cat_file(path))["md5"])
            except FileNotFoundError:  # not there, or the bucket itself is not: the push will say so
                return None
            except (ValueError, KeyError) as error:
                raise Unavailable(f"{path} in {self.place.url} is damaged ({error}): remove it") from error

    def put(self, problem: str, identity: str, md5: str) -> None:
        """Note that a snapshot has been pushed."""
        content = json.dumps({"md5": md5, "snapshot": identity}).encode()
        with reaching(self.place.url):
            self.place.filesystem.pipe_file(self._path(problem, identity), content)

    def _path(self, problem: str, identity: str) -> str:
        return self.place.path("snapshots", problem, f"{identity}.json")


def remote_url(settings: Settings) -> str:
    """Where snapshots are pushed to: the setting, or a folder in home."""
    return settings.data_remote or str(settings.home / "remote")


def open_marks(settings: Settings) -> SnapshotMarks:
    """The marks in the remote of these settings."""
    return SnapshotMarks(open_objects(settings, remote_url(settings)))
