"""Spread policies: each lives through its windows on a worker of a cluster, wherever that has its files."""

from __future__ import annotations

import io
import shutil
import tarfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from filelock import FileLock

from pipelines.core.backtesting.outcomes import PolicyOutcome
from pipelines.core.backtesting.policies import Policy
from pipelines.core.problem import Source
from pipelines.steps.policy_rehearsal import Live, Progress, Rehearsal
from pipelines.stores.compute.cluster import Cluster
from pipelines.stores.compute.cluster_work import machine_folder, say
from pipelines.stores.data.tables import find_files
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.storage.files import unpack

_REMADE = frozenset({"prepared.parquet", "features.parquet", "history"})  # tables that a training makes again


@dataclass(frozen=True)
class Parcel:
    """A rehearsal, and what a worker needs that does not see the home: the source's files and the first training."""

    rehearsal: Rehearsal
    token: str
    source: dict[str, list[tuple[str, bytes]]]
    room: bytes
    live: Live


def spread_policies(
    cluster: Cluster, rehearsal: Rehearsal, policies: Sequence[Policy], live: Live, progress: Progress
) -> list[PolicyOutcome]:
    """The outcome of each policy, in their order. A policy whose worker is killed lives again on another one.

    Workers that see the home share its trainings, as processes of this machine would. The others share a folder of
    their machine, which is gone afterwards.
    """
    token = uuid.uuid4().hex
    mark = rehearsal.room.home / f"seen-{token}"
    parcel = Parcel(rehearsal, token, _source(rehearsal.loaded), _room(rehearsal), live)
    mark.touch()
    try:
        shared = cluster.share(parcel)
        return list(cluster.each(_live_there, shared, policies, len(policies), progress))
    finally:
        mark.unlink(missing_ok=True)
        cluster.everywhere(partial(_tidy, token))


def _source(loaded: LoadedProblem) -> dict[str, list[tuple[str, bytes]]]:
    """By table: the source's files in their order; none of a package's, which is installed where Ratchet is."""
    source = loaded.problem.data.source
    if source.package is not None:
        return {}
    found = {name: find_files(files, loaded.folder) for name, files in _named(source).items()}
    return {name: [(path.name, path.read_bytes()) for path in paths] for name, paths in found.items()}


def _named(source: Source) -> dict[str, list[str]]:
    named = source.files if isinstance(source.files, dict) else {"data": source.files}
    return {name: [files] if isinstance(files, str) else list(files) for name, files in named.items()}


def _room(rehearsal: Rehearsal) -> bytes:
    """The contract and the first training, packed; tables are made again where they are needed."""
    home, packed = rehearsal.room.home, io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in [*_files(home / "contracts"), *_files(home / "runs" / f"{rehearsal.spans[0][0]:%Y%m%dT%H%M%S%f}")]:
            archive.add(path, path.relative_to(home).as_posix())
    return packed.getvalue()


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not _REMADE & set(path.relative_to(folder).parts)
    ]


def _live_there(parcel: Parcel, policy: Policy) -> PolicyOutcome:
    """On a worker."""
    return parcel.live(_at_hand(parcel), policy, say)


def _at_hand(parcel: Parcel) -> Rehearsal:
    """The rehearsal with paths that exist here."""
    rehearsal = parcel.rehearsal
    if (rehearsal.room.home / f"seen-{parcel.token}").exists():
        return rehearsal
    folder = machine_folder() / f"ratchet-{parcel.token}"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "whole").exists():
            _unpack(parcel, folder)
    room = rehearsal.room.model_copy(update={"home": folder / "home", "history_root": None, "data_remote": None})
    return replace(rehearsal, loaded=_relocated(rehearsal.loaded, parcel, folder), room=room)


def _unpack(parcel: Parcel, folder: Path) -> None:
    for name, files in parcel.source.items():
        for number, (file, content) in enumerate(files):
            place = folder / "source" / name / str(number) / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    (folder / "home").mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(parcel.room)) as archive:
        unpack(archive, folder / "home")
    (folder / "whole").touch()


def _relocated(loaded: LoadedProblem, parcel: Parcel, folder: Path) -> LoadedProblem:
    """The problem, reading the source's files where they have been unpacked."""
    if not parcel.source:
        return loaded
    problem, source = loaded.problem, loaded.problem.data.source
    paths = {
        name: [str(folder / "source" / name / str(number) / file) for number, (file, _) in enumerate(files)]
        for name, files in parcel.source.items()
    }
    moved = source.model_copy(update={"files": paths if isinstance(source.files, dict) else paths["data"]})
    data = problem.data.model_copy(update={"source": moved})
    return replace(loaded, problem=problem.model_copy(update={"data": data}), folder=folder)


def _tidy(token: str, machine: Path) -> None:
    """On every worker: remove what was unpacked there."""
    folder = machine / f"ratchet-{token}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)
