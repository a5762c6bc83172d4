"""`ratchet step`: one step at a time on an existing snapshot, for `dvc.yaml`; the same functions that the flow runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.core.settings import Settings
    from pipelines.steps.ingest import Ingested
    from pipelines.stores.problems.problem_files import LoadedProblem


class Step(StrEnum):
    """The steps between a snapshot and a scorecard."""

    PREPARE = "prepare"
    FEATURIZE = "featurize"
    TRAIN = "train"
    EVALUATE = "evaluate"


def step(
    name: Annotated[Step, typer.Argument(help="Which step.")],
    problem: ProblemName,
    folder: Annotated[Path, typer.Option("--folder", help="Folder that the steps read from and write to.")],
    snapshot: Annotated[Path | None, typer.Option("--snapshot", help="The snapshot's file (prepare).")] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Run one step, always anew, without Prefect, MLflow or a champion."""
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.problems.known_problems import resolve_problem

    loaded = resolve_problem(settings, problem)
    folder.mkdir(parents=True, exist_ok=True)
    if name is Step.PREPARE:
        from pipelines.steps.prepare import prepare

        if snapshot is None:
            raise typer.BadParameter("prepare needs --snapshot")
        written = str(prepare(loaded, _ingested(loaded, settings, snapshot, as_of or now()), folder))
    elif name is Step.FEATURIZE:
        from pipelines.steps.featurize import featurize

        written = str(featurize(loaded, folder))
    elif name is Step.TRAIN:
        written = str(_train(loaded, folder))
    else:
        from pipelines.steps.evaluate import evaluate

        written = str(evaluate(loaded, folder, None))
    result: dict[str, Any] = {"step": name.value, "problem": loaded.problem.name, "written": written}
    write_result(result, json, lambda: remark(written))


def _train(loaded: LoadedProblem, folder: Path) -> Path:
    from pipelines.steps.train import train

    train(loaded, folder, progress=lambda done, total, text: remark(f"{done}/{total}  {text}"))
    return folder / "trained.json"


def _ingested(loaded: LoadedProblem, settings: Settings, snapshot: Path, as_of: datetime) -> Ingested:
    """What ingest would say of this snapshot, with the contract in force."""
    from pipelines.steps.ingest import Ingested
    from pipelines.stores.data.tables import read_parquet
    from pipelines.stores.problems.contracts import contract_in_force, put_in_force

    problem = loaded.problem.name
    contract = contract_in_force(problem, settings)
    if contract is None or not snapshot.is_file():
        missing = f"the snapshot {snapshot}" if contract is not None else f"a contract for {problem}"
        raise NotFound(
            f"{missing} is not here; make it from the source with "
            f"`RATCHET_DATA=. ratchet ingest {problem} --as-of {as_of.date().isoformat()}`, or `dvc pull` the data"
        )
    frame = read_parquet(snapshot)
    path = put_in_force(contract, settings)
    known: dict[str, Any] = dict.fromkeys(Ingested.__dataclass_fields__)
    return Ingested(
        **known
        | {
            "problem": problem,
            "as_of": as_of.isoformat(),
            "snapshot": snapshot.stem,
            "path": str(snapshot),
            "rows": len(frame),
            "labelled": int(frame[contract.target].notna().sum()),
            "quarantined": 0,
            "contract_path": str(path),
            "contract_digest": contract.digest,
            "datasheet_path": "",
            "schema_change": {"kind": "none", "messages": []},
        }
    )
