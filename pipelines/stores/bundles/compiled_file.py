"""A release's compiled model: made and proven at release, kept as JSON and text, read without scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.errors import ModelFileError
from pipelines.stores.bundles.tree_kernel import TreeKernel

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from pipelines.core.schema import Contract

PLAN = "compiled.json"
TREES = "trees.txt"


@dataclass(frozen=True)
class Proven:
    """What a release states of its serving form (`serving` in release.json), and the files of a compiled one."""

    serving: dict[str, Any]
    documents: dict[str, str]


def compile_release(pipeline: Pipeline, contract: Contract, history: Sequence[str], held_out: pd.DataFrame) -> Proven:
    """The compiled form, if there is one and it answers as the pipeline does on every held-out and every made row.

    Else no files, and `serving` says why the pipeline itself is to serve.
    """
    from pipelines.core.compilation.compiling import CannotCompile, compile_pipeline
    from pipelines.core.compilation.proving import Differs, prove

    try:
        compiled = compile_pipeline(pipeline, contract, history, TreeKernel)
        documents = compiled_documents(compiled)
        proof = prove(compiled, pipeline, contract, held_out)
    except (CannotCompile, Differs, ModelFileError) as error:
        return Proven({"compiled": False, "reason": str(error)}, {})
    facts = {"rows": proof.rows, "largest_difference": proof.largest, "tolerance": proof.tolerance}
    return Proven({"compiled": True, "kernel": compiled.kernel, **facts}, documents)


def compiled_documents(compiled: Compiled) -> dict[str, str]:
    """The files' texts by name; ModelFileError for a plan that holds a number which is none."""
    try:
        plan = json.dumps(compiled.document, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise ModelFileError(f"the compiled model holds a number that is not finite ({error})") from error
    return {PLAN: plan} | ({} if compiled.trees is None else {TREES: compiled.trees})


def read_compiled(folder: Path) -> Compiled:
    """The compiled model whose files lie in `folder`; ModelFileError where they are damaged or do not fit.

    The files are checked in every number before LightGBM's library sees any of it.
    """
    try:
        document = json.loads((folder / PLAN).read_bytes())
        trees = (folder / TREES).read_text("utf-8") if (folder / TREES).is_file() else None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"the compiled model in {folder} cannot be read ({error})") from error
    if not isinstance(document, dict):
        raise ModelFileError(f"{folder / PLAN} holds no compiled model")
    return Compiled(document, trees, TreeKernel)
