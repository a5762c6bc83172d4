"""Draft: from a table to the text of a problem file, with what was seen as comments beside it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.drafting import Draft, draft
from pipelines.core.errors import ProblemError, SourceError
from pipelines.core.problem import Task
from pipelines.steps.draft_text import write_problem
from pipelines.stores.data.tables import read_table
from pipelines.stores.storage.files import write_atomic


@dataclass(frozen=True)
class Drafted:
    """The text of a problem file, and what it rests on."""

    name: str
    text: str
    draft: Draft


def draft_problem(
    table: Path,
    target: str,
    time: str | None = None,
    drop: Sequence[str] = (),
    name: str | None = None,
    folder: Path | None = None,
    task: Task | None = None,
) -> Drafted:
    """The problem file of a table, its path written relative to `folder` (default: the table's own).

    SourceError when the table cannot be read, ProblemError when a named column or the name does not fit,
    NotEnoughData when the target cannot be learned.
    """
    table = table.expanduser().absolute()
    if not table.is_file():
        raise SourceError(f"{table} is no file: give the path of a CSV file (also .gz, .zip) or a Parquet file")
    name = problem_name(table.name) if name is None else _checked_name(name)
    drafted = draft(read_table(table), target, time, tuple(drop), task)
    source = os.path.relpath(table, folder.expanduser().absolute() if folder else table.parent)
    return Drafted(name, write_problem(drafted, name, Path(source).as_posix(), table.name), drafted)


def write_draft(drafted: Drafted, place: Path, force: bool = False) -> None:
    """The draft as a file; ProblemError when `place` holds another text, and no `force` is used."""
    content = drafted.text.encode()
    if place.exists() and not force and (place.is_dir() or place.read_bytes() != content):
        raise ProblemError(f"{place} is there already and says something else: choose another -o FILE, or say --force")
    write_atomic(place, content)


def problem_name(file: str) -> str:
    """A problem's name made from a file's name.

    >>> problem_name("Häuser 2024 (neu).csv.gz"), problem_name("…")
    ('hauser-2024-neu', 'problem')
    """
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|pq|gz|zip|bz2|xz))+$", "", file, flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:63].rstrip("-_") or "problem"


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise ProblemError(
            f"the name {name!r} does not do: small letters, digits, - and _, at most 63, such as {problem_name(name)!r}"
        )
    return name
