"""The datasheet: what a snapshot holds, for people, in Markdown (Gebru et al., Datasheets for Datasets)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_texts
from pipelines.core.schema import Column, Contract
from pipelines.stores.files import write_atomic
from pipelines.stores.problem_files import LoadedProblem

_SHOWN = 5
_MOST_COLUMNS = 300


def write_datasheet(
    path: Path,
    loaded: LoadedProblem,
    contract: Contract,
    table: pd.DataFrame,
    identity: str,
    as_of: datetime,
    reasons: Sequence[str],
) -> None:
    """The datasheet of a snapshot's table at `path`; `reasons` are those of the rows set aside."""
    problem = loaded.problem
    source = problem.data.source
    lines = [
        f"# Datasheet: {problem.name}",
        "",
        *([problem.question, ""] if problem.question else []),
        "| | |",
        "| --- | --- |",
        f"| Snapshot | `{identity}` |",
        f"| Rows | {len(table):,}, {table[contract.target].notna().sum():,} labelled |",
        f"| As of | {as_of.isoformat()} |",
        f"| Period | {_period(contract, table)} |",
        f"| Key | {_cell(', '.join(contract.key) or 'none')} |",
        f"| Source | {_cell(str(source.files))}{f' of package {source.package}' if source.package else ''} |",
        f"| Owner | {_cell(problem.owner or 'not named')} |",
        f"| Task | {contract.task} |",
        f"| Set aside | {len(reasons):,} rows |",
        "",
        "## Target",
        "",
        *_target(contract, table),
        "",
        "## Columns",
        "",
        "| column | kind | used as | missing | values |",
        "| --- | --- | --- | ---: | --- |",
        *(_row(column, table[column.name]) for column in contract.columns[:_MOST_COLUMNS]),
        *([f"\nand {len(contract.columns) - _MOST_COLUMNS} more."] * (len(contract.columns) > _MOST_COLUMNS)),
        "",
        f"Not stored: {_cell(_some(contract.ignored) or 'nothing')}.",
        "",
        "## Rows set aside",
        "",
        *_reasons(reasons),
        "",
    ]
    write_atomic(path, "\n".join(lines).encode())


def _period(contract: Contract, table: pd.DataFrame) -> str:
    if contract.time is None:
        return "no time column"
    times = table[contract.time]
    return f"{times.min()} to {times.max()} ({_cell(contract.time)})"


def _target(contract: Contract, table: pd.DataFrame) -> list[str]:
    labels = table[contract.target].dropna()
    if contract.classes is None:
        numbers = pd.to_numeric(labels, errors="coerce")
        return [f"`{contract.target}`: {_range(numbers)}, mean {numbers.mean():.4g}, sd {numbers.std():.4g}"]
    counts = pd.Series(category_texts(labels)).value_counts()
    shares = ", ".join(f"{_cell(one)} {count / len(labels):.1%}" for one, count in counts.head(20).items())
    return [f"`{contract.target}`: {shares or 'no labels'}"]


def _row(column: Column, values: pd.Series) -> str:
    use = "feature" if column.feature else ("history, time" if column.asked else "outcome, split")
    if column.kind == "numeric":
        shown = _range(values.dropna())
    elif column.kind == "datetime":
        shown = "none" if values.isna().all() else f"{values.min()} to {values.max()}"
    else:
        counts = values.value_counts()
        listed = ", ".join(f"{_cell(one[:40])} {count:,}" for one, count in counts.head(_SHOWN).items())
        shown = f"{len(counts):,} different: {listed}" if len(counts) else "none"
    return f"| {_cell(column.name)} | {column.kind} | {use} | {values.isna().mean():.1%} | {shown} |"


def _range(values: pd.Series) -> str:
    if values.empty:
        return "none"
    low, middle, high = np.percentile(values.to_numpy(dtype=float), [0, 50, 100])
    return f"{low:.6g} to {high:.6g}, median {middle:.6g}"


def _reasons(reasons: Sequence[str]) -> list[str]:
    counts = pd.Series(list(reasons), dtype=object).value_counts().head(20)
    return [f"- {count:,} × {_cell(reason)}" for reason, count in counts.items()] or ["None."]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")


def _cell(text: object) -> str:
    """Text that cannot break out of a Markdown table."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("\n", " ")
