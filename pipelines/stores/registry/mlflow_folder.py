"""The MLflow model folder of a trained model file: skops, signature, example, requirements; nothing inferred.

Written through MLflow's `Model`, as its own `save_model` does, but without what that costs here: an import of two
seconds that warns, another dump of the model, and loading it back.
"""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipelines.core.contract import Contract
from pipelines.stores.bundles.bundle import MODEL_FILE
from pipelines.stores.bundles.model_file import TRUSTED
from pipelines.stores.storage.files import write_atomic, write_json

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

REQUIREMENTS = ("scikit-learn", "skops", "numpy", "scipy", "pandas", "lightgbm", "ratchet-mlops")
_EXAMPLE = "input_example.json"
_SERVING_EXAMPLE = "serving_input_example.json"


def save_model_folder(
    model_file: Path, contract: Contract, history: list[str], example: pd.DataFrame, folder: Path
) -> None:
    """A folder (made anew) with the very file that was trained, which any MLflow tool can load and show.

    `example`: a few rows of the model's input. The trust list stored for MLflow's tools is not the one that Ratchet
    goes by: that stands in its own code (`stores.bundles.model_file`).
    """
    from mlflow.models.model import Model

    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    shutil.copyfile(model_file, folder / MODEL_FILE)
    model = Model(signature=signature_of(contract, history))
    model.add_flavor(
        "python_function",
        loader_module="mlflow.sklearn",
        model_path=MODEL_FILE,
        predict_fn="predict",
        python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    )
    model.add_flavor(
        "sklearn",
        pickled_model=MODEL_FILE,  # MLflow's name for the file, whatever its format
        sklearn_version=metadata.version("scikit-learn"),
        serialization_format="skops",
        skops_trusted_types=sorted(TRUSTED),
        code=None,
    )
    model.saved_input_example_info = _write_example(contract, history, example, folder)
    model.model_size_bytes = (folder / MODEL_FILE).stat().st_size
    _write_environment(folder)
    model.save(str(folder / "MLmodel"))


def signature_of(contract: Contract, history: list[str]) -> ModelSignature:
    """The signature that the contract states: every number a double, nothing required.

    Inferred from data it would be lost for nullable integers, and would refuse a null where none was seen.
    """
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, Schema

    types = {"numeric": "double", "datetime": "datetime"}
    inputs = [
        ColSpec(types.get(column.kind, "string"), column.name, required=False)
        for column in contract.features
        if column.kind != "ignored"
    ]
    inputs += [ColSpec("double", name, required=False) for name in history]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec("double")]))


def _write_example(contract: Contract, history: list[str], rows: pd.DataFrame, folder: Path) -> dict[str, str]:
    names = [column.name for column in contract.features if column.kind != "ignored"] + history
    data = [[_plain(value) for value in row] for row in rows[names].itertuples(index=False, name=None)]
    write_json(folder / _EXAMPLE, {"columns": names, "data": data})
    write_json(folder / _SERVING_EXAMPLE, {"dataframe_split": {"columns": names, "data": data}})
    return {
        "artifact_path": _EXAMPLE,
        "serving_input_path": _SERVING_EXAMPLE,
        "type": "dataframe",
        "pandas_orient": "split",
    }


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def _write_environment(folder: Path) -> None:
    pinned = [f"{name}=={metadata.version(name)}" for name in REQUIREMENTS]
    python = platform.python_version()
    texts = {
        "requirements.txt": "\n".join(pinned),
        "python_env.yaml": f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt",
        "conda.yaml": "\n".join(
            [
                "name: ratchet",
                "channels:",
                "- conda-forge",
                "dependencies:",
                f"- python={python}",
                "- pip",
                "- pip:",
                *(f"  - {one}" for one in pinned),
            ]
        ),
    }
    for name, text in texts.items():
        write_atomic(folder / name, f"{text}\n".encode())
