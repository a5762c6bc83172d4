"""The model file: a skops archive, loaded with our own list of trusted types and never with the artifact's.

What is not on the list is refused, by name, before anything of it is built. There is no pickle anywhere.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.digest import model_digest
from pipelines.core.errors import ModelFileError
from pipelines.stores.storage.files import write_atomic

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

TRUSTED = frozenset(
    {
        "pipelines.core.estimators.AllClasses",
        "pipelines.core.estimators.LightGBMClassifier",
        "pipelines.core.estimators.LightGBMRegressor",
        "pipelines.core.transformers.DatetimeParts",
        "pipelines.core.transformers.RawNumbers",
        "pipelines.core.transformers.ScaledNumbers",
        "pipelines.core.transformers.TextTopics",
        "pipelines.core.transformers.TextWords",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.model_selection._split.KFold",
        "sklearn.tree._tree.Tree",
    }
)
"""Types beyond those that skops trusts by itself: ours, and data holders of scikit-learn's trees and folds."""

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError),  # of the archive
    *(ValueError, LookupError, TypeError, AttributeError, ImportError, OverflowError),  # of what it says
)


def save_model(pipeline: Pipeline, path: Path) -> None:
    """The fitted pipeline as a skops file at `path`, there in full or not at all.

    ModelFileError names the types that `load_model` would refuse: a new learner needs its types in `TRUSTED`.
    """
    import skops.io

    buffer = io.BytesIO()
    skops.io.dump(pipeline, buffer, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    content = buffer.getvalue()
    unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - TRUSTED)
    if unknown:
        raise ModelFileError(f"the model holds types that no one vouches for: {', '.join(unknown)}")
    write_atomic(path, content)


def load_model(path: Path, digest: str | None = None) -> Pipeline:
    """The pipeline of a file written by `save_model`, its digest compared with `digest` when one is given.

    ModelFileError when the file is missing, damaged, holds types that are not trusted, or is another model.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if (part := archive.testzip()) is not None:
                raise ModelFileError(f"{path} is damaged: the part {part} is not what was written; fetch it again")
        unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - TRUSTED)
        if unknown:
            raise ModelFileError(f"{path} holds types that are not trusted: {', '.join(unknown)}; it was not loaded")
        pipeline = skops.io.loads(content, trusted=sorted(TRUSTED))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}") from error
    except (UnsupportedTypeException, UntrustedTypesFoundException) as error:
        raise ModelFileError(f"{path} was not loaded: {error}") from error
    except _DAMAGED as error:
        raise ModelFileError(
            f"{path} is damaged or no model file ({type(error).__name__}: {error}); fetch or train it again"
        ) from error
    if digest is not None and (found := model_digest(pipeline)) != digest:
        raise ModelFileError(f"{path} holds model {found[:12]}, where {digest[:12]} is expected; fetch it again")
    return pipeline
