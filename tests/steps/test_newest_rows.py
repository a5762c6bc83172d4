"""A challenger never learns from the newest labelled rows: they are what the gate judges it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.contract import infer_contract
from pipelines.core.problem import Problem
from pipelines.core.splitting import split
from pipelines.core.trials import fit_rows
from pipelines.steps.featurize import featurize
from pipelines.steps.prepare import prepare_frame
from pipelines.steps.train import train
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.storage.files import write_json


def table(rows: int, seed: int, delay_days: int) -> tuple[Problem, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    moments = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 300, rows)), unit="D")
    frame = pd.DataFrame({"at": moments, "a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    frame["y"] = (frame["a"] + rng.normal(size=rows) > 0).map({True: "yes", False: "no"}).astype(object)
    frame.loc[rng.random(rows) < 0.1, "y"] = None
    data = {"source": "t.csv", "target": "y", "time": "at", "label_delay": f"{delay_days}d"}
    learners: dict[str, Any] = {"learners": ["linear"], "search": {"trials": 1}}
    return Problem.model_validate({"name": "p", "data": data, **learners}), frame.sample(frac=1, random_state=seed)


@given(rows=st.integers(80, 400), seed=st.integers(0, 1000), delay=st.integers(0, 30))
def test_what_is_learnt_from_was_known_before_the_first_row_that_is_judged_on(rows: int, seed: int, delay: int) -> None:
    problem, frame = table(rows, seed, delay)
    prepared = prepare_frame(problem, infer_contract(problem, frame), frame)
    prepared["__side"] = split(prepared, problem, "binary")
    test = prepared[(prepared["__side"] == "test") & prepared["__y"].notna()]
    learnt = prepared.iloc[fit_rows(prepared)]
    assert learnt["__known_at"].max() < test["__time"].min()
    others = prepared[prepared["__y"].notna() & (prepared["__side"] != "test")]
    assert others["__time"].max() < test["__time"].min()  # the newest of all that are labelled
    assert len(test) >= 0.1 * prepared["__y"].notna().sum()


def test_no_label_that_the_gate_judges_on_changes_the_model(tmp_path: Path) -> None:
    digests = []
    for number, flip in enumerate([False, True]):
        problem, frame = table(600, 1, 2)
        contract = infer_contract(problem, frame)
        prepared = prepare_frame(problem, contract, frame)
        prepared["__side"] = split(prepared, problem, contract.task)
        if flip:
            held_out = prepared["__side"] == "test"
            prepared.loc[held_out, "__y"] = 1 - prepared.loc[held_out, "__y"]
        folder = tmp_path / str(number)
        folder.mkdir()
        loaded = LoadedProblem(problem, "", folder / "p.yaml", folder)
        write_parquet(prepared, folder / "prepared.parquet")
        write_json(folder / "contract.json", contract.model_dump(mode="json"))
        featurize(loaded, folder)
        digests.append(train(loaded, folder).digest)
    assert digests[0] == digests[1]
