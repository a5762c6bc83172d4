from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Contract
from pipelines.core.schema import Column
from pipelines.core.settings import Settings
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.registry.mlflow_folder import save_model_folder, signature_of


def test_the_signature_is_the_contracts_and_nothing_is_required() -> None:
    columns = (
        Column(name="n", kind="numeric", integer=True),
        Column(name="c", kind="categorical"),
        Column(name="t", kind="datetime"),
        Column(name="words", kind="text"),
        Column(name="id", kind="ignored"),
        Column(name="entity", kind="categorical", feature=False),
    )
    contract = Contract(problem="x", task="regression", target="y", columns=columns)
    found = signature_of(contract, ["rate"]).inputs.to_dict()
    assert [(one["name"], one["type"]) for one in found] == [
        ("n", "double"),
        ("c", "string"),
        ("t", "datetime"),
        ("words", "string"),
        ("rate", "double"),
    ]
    assert not any(one["required"] for one in found)


@pytest.mark.filterwarnings("ignore:.*type hint:UserWarning")  # MLflow's own classes, when it imports them
@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow")
def test_mlflows_own_tools_load_it_and_answer_alike(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    import mlflow

    run = toy.make_run(settings)
    contract = read_contract(run.folder / "contract.json")
    rows = read_parquet(run.folder / "features.parquet")
    folder = tmp_path / "model"
    save_model_folder(run.folder / "model.skops", contract, ["rate"], rows.head(3), folder)
    save_model_folder(run.folder / "model.skops", contract, ["rate"], rows.head(3), folder)  # made anew
    described = mlflow.models.Model.load(str(folder))
    assert described.signature == signature_of(contract, ["rate"])
    example = described.load_input_example(str(folder))
    assert list(example.columns) == described.signature.inputs.input_names()
    loaded = mlflow.sklearn.load_model(str(folder))
    answers = loaded.predict(rows[example.columns])
    generic = mlflow.pyfunc.load_model(str(folder))
    assert np.array_equal(generic.predict(rows[example.columns]), answers)
    assert len(generic.predict(example.astype({"at": "datetime64[ns]"}))) == 3
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()
    assert pd.isna(rows["rain"]).any()
