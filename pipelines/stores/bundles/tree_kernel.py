"""Trees evaluated by LightGBM's C library, through ctypes: the package `lightgbm` itself is never imported.

Importing it would bring pandas, scipy and scikit-learn along; the library alone is there in 10 ms. Rows are handed over
as sparse ones that name every column: the dense way makes zeros of numbers below 1e-35, which other libraries do not.
One thread; several may call, one at a time.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
import weakref
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.compilation.tree_text import read_trees
from pipelines.core.errors import ModelFileError

_FLOAT64, _INT32 = 1, 2
_RAW, _CONTRIBUTIONS = 1, 3
_FEW = 24  # rows up to which each goes alone through the prepared call, which keeps the interpreter's lock
_CHUNK = 2_048
_PARAMETERS = b"num_threads=1 verbosity=-1"


@cache
def find_library() -> Path:
    """The file of LightGBM's C library; ModelFileError where LightGBM is not installed."""
    spec = importlib.util.find_spec("lightgbm")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec is not None else []
    names = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
    for folder in folders:
        for name in names:
            for path in (folder / "lib" / name, folder / "bin" / name, folder / name):
                if path.is_file():
                    return path
    raise ModelFileError("LightGBM's library is not installed here: compiled trees need it; install `lightgbm`")


@cache
def _library(hold: bool) -> ctypes.CDLL:
    """The library; with `hold` its calls keep the interpreter's lock, which is cheaper for a call of microseconds."""
    try:
        found = (ctypes.PyDLL if hold else ctypes.CDLL)(str(find_library()))
    except OSError as error:
        raise ModelFileError(f"LightGBM's library cannot be loaded ({error}): install `lightgbm` anew") from error
    pointer, integer, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
    found.LGBM_GetLastError.restype = ctypes.c_char_p
    found.LGBM_BoosterFree.argtypes = [pointer]
    found.LGBM_FastConfigFree.argtypes = [pointer]
    rows: list[Any] = [pointer, integer, pointer, pointer]
    which: list[Any] = [integer, integer, integer]
    found.LGBM_BoosterPredictForCSR.argtypes = [
        *[pointer, *rows, integer, long, long, long],
        *[*which, ctypes.c_char_p, pointer, pointer],
    ]
    found.LGBM_BoosterPredictForCSRSingleRowFastInit.argtypes = [
        *[pointer, *which, integer, long, ctypes.c_char_p, pointer]
    ]
    found.LGBM_BoosterPredictForCSRSingleRowFast.argtypes = [pointer, *rows, long, long, pointer, pointer]
    return found


class TreeKernel:
    """A loaded forest: from float64 tables of `width` columns to `outputs` sums of leaves, or what made them."""

    def __init__(self, text: str, width: int, outputs: int) -> None:
        """ModelFileError where the text is not one that `write_trees` wrote, or the library is not there."""
        _library(True)
        read_trees(text, width, outputs)
        self.width, self.outputs = width, outputs
        self._text = text
        self._booster = _load(text)
        self._lock, self._explaining = threading.Lock(), threading.Lock()
        self._prepare()

    def raw(self, table: np.ndarray) -> np.ndarray:
        """The sums of leaves of each row, float64 (n, outputs); `table` (n, width)."""
        n = len(table)
        out = np.empty((n, self.outputs))
        if n > _FEW:
            return self._many(self._booster, table, _RAW, out)
        with self._lock:
            row, answer, call, arguments = self._row, self._answer, self._call, self._arguments
            for position in range(n):
                row[:] = table[position]
                if call(*arguments):
                    raise _failure()
                out[position] = answer
        return out

    def contributions(self, table: np.ndarray) -> np.ndarray:
        """TreeSHAP (Lundberg et al. 2020), float64 (n, outputs, width + 1): per column, and last what is expected."""
        with self._explaining:
            out = np.empty((len(table), self.outputs * (self.width + 1)))
            found = self._many(self._explainer, table, _CONTRIBUTIONS, out)
        return found.reshape(len(table), self.outputs, self.width + 1)

    @cached_property
    def _explainer(self) -> ctypes.c_void_p:
        """A handle of its own: explaining takes long, and answering must not wait for it."""
        return _load(self._text)

    def _prepare(self) -> None:
        """The call for one row, with memory of its own for what goes in and comes out."""
        self._row, self._answer = np.zeros(self.width), np.zeros(self.outputs)
        self._ends = np.array([0, self.width], dtype=np.int32)
        self._columns = np.arange(self.width, dtype=np.int32)
        self._length = ctypes.c_int64()
        held = _library(True)
        config = ctypes.c_void_p()
        _check(
            held.LGBM_BoosterPredictForCSRSingleRowFastInit(
                *(self._booster, _RAW, 0, -1, _FLOAT64, self.width, _PARAMETERS, ctypes.byref(config))
            )
        )
        weakref.finalize(self, held.LGBM_FastConfigFree, config)
        self._call = held.LGBM_BoosterPredictForCSRSingleRowFast
        self._arguments = (
            *(config, ctypes.c_void_p(self._ends.ctypes.data), _INT32, ctypes.c_void_p(self._columns.ctypes.data)),
            *(ctypes.c_void_p(self._row.ctypes.data), ctypes.c_int64(2), ctypes.c_int64(self.width)),
            *(ctypes.c_void_p(ctypes.addressof(self._length)), ctypes.c_void_p(self._answer.ctypes.data)),
        )
        # Preparing leaves the model set to add up its first tree alone; an ordinary call sets it to all of them again.
        row = np.zeros((1, self.width))
        expected = self._many(self._booster, row, _RAW, np.empty((1, self.outputs)))
        if not np.array_equal(self.raw(row), expected):
            raise ModelFileError("LightGBM's library answers one row otherwise than many: install another version")

    def _many(self, booster: ctypes.c_void_p, table: np.ndarray, kind: int, out: np.ndarray) -> np.ndarray:
        if table.shape[1:] != (self.width,):
            raise ModelFileError(f"the trees need rows of {self.width} numbers, these have the shape {table.shape}")
        predict = _library(False).LGBM_BoosterPredictForCSR
        length = ctypes.c_int64()
        for start in range(0, len(table), _CHUNK):
            part = np.ascontiguousarray(table[start : start + _CHUNK], dtype=np.float64)
            n = len(part)
            ends = np.arange(0, (n + 1) * self.width, self.width, dtype=np.int32)
            columns = np.tile(self._columns, n)
            made = np.empty((n, out.shape[1]))
            _check(
                predict(
                    *(booster, ends.ctypes.data, _INT32, columns.ctypes.data, part.ctypes.data, _FLOAT64),
                    *(n + 1, part.size, self.width, kind, 0, -1, _PARAMETERS),
                    *(ctypes.addressof(length), made.ctypes.data),
                )
            )
            if length.value != made.size:
                raise ModelFileError(f"the trees gave {length.value} numbers where {made.size} are due")
            out[start : start + n] = made
        return out


class _Handle(ctypes.c_void_p):
    """A booster; freed with the last that refers to it."""


def _load(text: str) -> ctypes.c_void_p:
    library = _library(False)
    handle, rounds = _Handle(), ctypes.c_int()
    _check(
        library.LGBM_BoosterLoadModelFromString(
            ctypes.c_char_p(text.encode()), ctypes.byref(rounds), ctypes.byref(handle)
        )
    )
    weakref.finalize(handle, library.LGBM_BoosterFree, ctypes.c_void_p(handle.value))
    return handle


def _check(code: int) -> None:
    if code:
        raise _failure()


def _failure() -> ModelFileError:
    text = (_library(True).LGBM_GetLastError() or b"").decode(errors="replace")
    return ModelFileError(f"LightGBM's library refused the trees: {text}")
