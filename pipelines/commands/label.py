"""`ratchet label`: what predictions turned out to be, handed in as a table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, ProblemName, now
from pipelines.commands.names import problem_name
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.contract import Contract


def label(
    problem: ProblemName,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV or Parquet: id, label (or the target's column), known_at if known."),
    ],
    json: Json = False,
) -> None:
    """Hand in labels for answered predictions, in any order; a later label for the same id corrects the earlier one.

    Ends with 0 when at least one label was accepted or none was given; each that was not is listed with the reason.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.core.contract import decode, encode_label
    from pipelines.stores.data.tables import read_table
    from pipelines.stores.logbook.prediction_log import open_log
    from pipelines.stores.releases.champions import open_champion

    name = problem_name(settings, problem)
    contract = open_champion(settings, name).contract
    items = label_items(read_table(file), contract, file)
    log = open_log(settings)
    try:
        receipt = log.add_labels(name, items, now(), lambda given: decode(contract, encode_label(contract, given)))
    finally:
        log.close()
    rejected = [asdict(one) for one in receipt.rejected]
    result = {"problem": name, "accepted": len(receipt.accepted), "rejected": rejected}
    write_result(result, json, lambda: _show(len(receipt.accepted), rejected))
    if rejected and not receipt.accepted:
        raise typer.Exit(11)


def label_items(frame: pd.DataFrame, contract: Contract, file: Path) -> list[dict[str, Any]]:
    """The table's rows as labels; rows whose label is missing have nothing to say and are left out."""
    names = ["label", contract.target]
    if any(column.name == "label" for column in contract.columns) or "label" in (*contract.key, *contract.ignored):
        names.reverse()  # the table's own column of that name says something else
    column = next((one for one in names if one in frame.columns), None)
    identity = "id"
    while f"{identity}_" in frame.columns:  # `predict` wrote it beside a key column that is called id itself
        identity += "_"
    if identity not in frame.columns or column is None:
        raise SourceError(
            f"{file} has no columns id and label (or {contract.target}); it has {', '.join(map(str, frame.columns))}. "
            "The ids are in the file that `ratchet predict` wrote, or in the service's answers"
        )
    kept = frame[frame[column].notna() & frame[identity].notna()]
    items: list[dict[str, Any]] = []
    moments = _moments(kept, file)
    for one, value, moment in zip(kept[identity], kept[column], moments, strict=True):
        item = {"id": str(one), "label": value.item() if hasattr(value, "item") else value}
        items.append(item if moment is None else {**item, "known_at": moment})
    return items


def _moments(frame: pd.DataFrame, file: Path) -> list[Any]:
    if "known_at" not in frame.columns:
        return [None] * len(frame)
    from pipelines.core.kinds import to_datetimes

    times, bad = to_datetimes(frame["known_at"])
    if bad.any():
        row = int(bad.argmax())
        raise SourceError(f"{file}, row {row + 1}: known_at {frame['known_at'].iloc[row]!r} is no moment (ISO 8601)")
    return [None if moment != moment else moment for moment in (time.item() for time in times.astype("datetime64[us]"))]


def _show(accepted: int, rejected: list[dict[str, Any]]) -> None:
    remark(f"{accepted} accepted, {len(rejected)} rejected")
    if rejected:
        columns = tuple(rejected[0])
        table("Rejected", columns, [tuple(one.values()) for one in rejected[:50]])
