"""The identity of a model: a digest of its fitted parameters, whatever the file, process or number of threads.

Files of the same model differ (timestamps, object ids, padding between struct fields), so that a file's hash says
nothing. Here every parameter is fed to SHA-256 by its exact value: floats bit for bit, trees field by field.
"""

from __future__ import annotations

import hashlib
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
import scipy.sparse

# How it was computed, not what it is: none of these changes a prediction.
NOT_FITTED = frozenset({"n_jobs", "n_threads", "verbose", "random_state", "_random_seed", "memory", "_sklearn_version"})
_GENERATORS = (np.random.RandomState, np.random.Generator, np.random.BitGenerator)


def model_digest(model: Any) -> str:
    """SHA-256 (hex) of a fitted pipeline's parameters; equal after a round trip through a file and across processes.

    >>> from sklearn.linear_model import Ridge
    >>> one, two = (Ridge().fit([[0.0], [1.0]], [0.0, 1.0]) for _ in range(2))
    >>> model_digest(one) == model_digest(two) != model_digest(Ridge(alpha=2.0).fit([[0.0], [1.0]], [0.0, 1.0]))
    True
    """
    sha = hashlib.sha256()
    _feed(sha, model, [])
    return sha.hexdigest()


def _feed(sha: Any, value: Any, above: list[int]) -> None:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        _feed_scalar(sha, value)
    elif isinstance(value, np.ndarray):
        _feed_array(sha, value, above)
    elif scipy.sparse.issparse(value):
        _feed(sha, [value.shape, value.tocsr().data, value.tocsr().indices, value.tocsr().indptr], above)
    elif isinstance(value, type | FunctionType | BuiltinFunctionType | MethodType | np.ufunc):
        _put(
            sha,
            "named",
            f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}",
        )
    elif isinstance(value, np.dtype):
        _put(sha, "dtype", str(value))
    elif isinstance(value, list | tuple):
        _put(sha, "sequence", str(len(value)))
        for item in value:
            _feed(sha, item, above)
    elif isinstance(value, set | frozenset):
        _feed(sha, sorted(model_digest(item) for item in value), above)
    elif isinstance(value, dict):
        _feed_mapping(sha, value, above)
    elif not isinstance(value, _GENERATORS):
        _feed_object(sha, value, above)


def _put(sha: Any, kind: str, text: str | bytes) -> None:
    """Kind and length go first, so that no two different sequences of values give the same bytes."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    sha.update(f"{kind}:{len(raw)}:".encode())
    sha.update(raw)


def _feed_scalar(sha: Any, value: Any) -> None:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        _put(sha, "float", np.float64(np.nan if value != value else value).tobytes())
    elif isinstance(value, bytes):
        _put(sha, "bytes", value)
    else:
        _put(sha, type(value).__name__, str(value))


def _feed_array(sha: Any, array: np.ndarray, above: list[int]) -> None:
    _put(sha, "shape", str(array.shape))
    if array.dtype.names is not None:  # the bytes between the fields of a struct are whatever memory held before
        for name in array.dtype.names:
            _put(sha, "field", name)
            _feed_array(sha, np.ascontiguousarray(array[name]), above)
    elif array.dtype.hasobject:
        for item in array.ravel().tolist():
            _feed(sha, item, above)
    else:
        _put(sha, array.dtype.newbyteorder("=").str, np.ascontiguousarray(array).tobytes())


def _feed_mapping(sha: Any, mapping: dict[Any, Any], above: list[int]) -> None:
    _put(sha, "mapping", "")
    keyed = [(model_digest(key), key) for key in mapping if key not in NOT_FITTED]
    for digest, key in sorted(keyed, key=lambda pair: pair[0]):
        _put(sha, "key", digest)
        _feed(sha, mapping[key], above)


def _feed_object(sha: Any, value: Any, above: list[int]) -> None:
    if id(value) in above:
        return
    _put(sha, "object", f"{type(value).__module__}.{type(value).__qualname__}")
    _feed(sha, fitted_state(value), [*above, id(value)])


def fitted_state(value: Any) -> Any:
    """What makes the object what it is: its state as it would be copied."""
    state = value.__getstate__() if hasattr(value, "__getstate__") else None
    if state is not None:
        return state
    reduced = value.__reduce_ex__(2)  # compiled classes keep their arguments here
    return [part for part in reduced[1:3] if part is not None] if isinstance(reduced, tuple) else reduced
