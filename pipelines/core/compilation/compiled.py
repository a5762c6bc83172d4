"""A compiled model: the fitted pipeline as plain arrays, computed with NumPy and a kernel for trees.

Nothing here needs pandas or scikit-learn. `core.compiling` writes the plan from a pipeline, `core.proving` compares the
two before anything is served, `stores.bundles.compiled_file` keeps the plan in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from pipelines.core.compilation.answer_links import AnswerLink
from pipelines.core.compilation.compiled_blocks import HUGE, Categories, Columns, Numbers, make_blocks
from pipelines.core.compilation.contributions import Contributions, to_sources
from pipelines.core.errors import ModelFileError

FORMAT = 1
_TINY = float(np.float32(1e-35))  # what LightGBM, asked about a dense table, takes for zero
_FEW = 4  # rows up to which going row by row is cheaper than going column by column


class Kernel(Protocol):
    """Trees, ready to be summed up: `stores.bundles.tree_kernel.TreeKernel`."""

    def raw(self, table: np.ndarray) -> np.ndarray:
        """The sums of leaves, float64 (n, outputs)."""
        ...

    def contributions(self, table: np.ndarray) -> np.ndarray:
        """TreeSHAP, float64 (n, outputs, width + 1)."""
        ...


LoadKernel = Callable[[str, int, int], Kernel]


class _Trees:
    """Sums of trees over the encoded table."""

    name = "trees"

    def __init__(self, document: Mapping[str, Any], blocks: list[Any], text: str, load: LoadKernel) -> None:
        self._blocks = blocks
        self._single = document["cast"] == "float32"
        self._tiny = bool(document["zeroes"])
        self.outputs = int(document["outputs"])
        self._width = sum(block.width for block in blocks)
        self._kernel = load(text, self._width, self.outputs)
        self._owners = [owner for block in blocks for owner in block.owners]
        # Numbers as they are, then categories: what most problems have, and what a row at a time is quickest for.
        plain = bool(blocks) and isinstance(blocks[0], Numbers) and blocks[0].plain
        self._numbers: tuple[str, ...] = blocks[0].columns if plain else ()
        rest = blocks[1:] if plain else blocks
        self._categories = [(block.columns[0], block) for block in rest if isinstance(block, Categories)]
        self._by_row = len(self._categories) == len(rest)

    def sums(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, outputs)."""
        return self._kernel.raw(self._table(columns, rows))

    def explain(self, columns: Columns, rows: int, sources: tuple[str, ...]) -> np.ndarray:
        """What each source adds to the sums, exactly: float64 (rows, sources, outputs)."""
        found = self._kernel.contributions(self._table(columns, rows))[:, :, :-1]
        return to_sources(found.transpose(0, 2, 1), self._owners, sources)

    def _table(self, columns: Columns, rows: int) -> np.ndarray:
        if rows <= _FEW and self._by_row:
            table = self._few(columns, rows)
        else:
            table, start = np.empty((rows, self._width)), 0
            for block in self._blocks:
                table[:, start : start + block.width] = block.encode(columns, rows)
                start += block.width
        if self._single:
            return table.astype(np.float32).astype(np.float64)
        if self._tiny:
            table[np.abs(table) <= _TINY] = 0.0
        return table

    def _few(self, columns: Columns, rows: int) -> np.ndarray:
        flat = []
        for row in range(rows):
            values = [columns[name][row] for name in self._numbers]
            for name, block in self._categories:
                values += block.rows.get(columns[name][row], block.unknown)
            flat.append(values)
        table = np.array(flat, dtype=np.float64)
        if self._numbers:
            numbers = table[:, : len(self._numbers)]
            np.minimum(np.maximum(numbers, -HUGE, out=numbers), HUGE, out=numbers)
        return table


class _Linear:
    """Weighted sums of the encoded numbers."""

    name = "linear"

    def __init__(self, document: Mapping[str, Any], blocks: list[Any]) -> None:
        weights = np.array(document["weights"], dtype=np.float64)
        self._intercept = np.array(document["intercept"], dtype=np.float64)
        self.outputs = len(self._intercept)
        if weights.shape != (sum(block.width for block in blocks), self.outputs):
            raise ValueError(f"weights of shape {weights.shape} do not fit the columns")
        self._parts, start = [], 0
        for block in blocks:
            self._parts.append((block, weights[start : start + block.width]))
            start += block.width
        # What each category adds to the sums, ready to look up.
        self._folded = {id(block): block.table @ part for block, part in self._parts if isinstance(block, Categories)}

    def sums(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, outputs)."""
        total = np.empty((rows, self.outputs))
        total[:] = self._intercept
        for block, weights in self._parts:
            if isinstance(block, Categories):
                total += self._folded[id(block)][block.codes(columns)]
            elif isinstance(block, Numbers):
                total += block.encode(columns, rows) @ weights
            else:
                total += block.folded(columns, rows, weights)[0]
        return total

    def explain(self, columns: Columns, rows: int, sources: tuple[str, ...]) -> np.ndarray:
        """The terms of each source: float64 (rows, sources, outputs)."""
        out = np.zeros((rows, len(sources), self.outputs))
        for block, weights in self._parts:
            found = block.folded(columns, rows, weights)
            for position, name in enumerate(block.columns):
                out[:, sources.index(name)] += found[position]
        return out


class _Constant:
    """The same for every row."""

    name = "constant"

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._values = np.array(document["values"], dtype=np.float64)
        self.outputs = len(self._values)

    def sums(self, columns: Columns, rows: int) -> np.ndarray:
        """Float64 (rows, outputs)."""
        return np.tile(self._values, (rows, 1))

    def explain(self, columns: Columns, rows: int, sources: tuple[str, ...]) -> np.ndarray:
        """Nothing adds anything: zeros (rows, sources, outputs)."""
        return np.zeros((rows, len(sources), self.outputs))


class Compiled:
    """A compiled model; safe to call from several threads. `reads`: the columns and history features it needs."""

    def __init__(self, document: Mapping[str, Any], trees: str | None, load: LoadKernel) -> None:
        """The model of a plan and its trees' text; ModelFileError where they do not fit each other."""
        self.document, self.trees = document, trees
        try:
            if document["format"] != FORMAT:
                raise ModelFileError(f"the compiled model has format {document['format']!r}, {FORMAT} is known here")
            blocks = make_blocks(document["blocks"])
            self.widths = tuple(block.width for block in blocks)
            self.reads = tuple(dict.fromkeys(str(name) for block in blocks for name in block.columns))
            model = document["model"]
            self._core = _core(model, blocks, trees, load)
            self._link = AnswerLink(model["link"], document["classes"], self._core.outputs)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise ModelFileError(f"the compiled model's plan is damaged ({type(error).__name__}: {error})") from error
        self.kernel = self._core.name

    def score(self, columns: Columns, rows: int) -> np.ndarray:
        """Scores as `core.scoring.score` gives them, float64: (rows,) values or (rows, k) probabilities."""
        if rows == 0:
            return self._link.nothing()
        return self._link.answer(self._core.sums(columns, rows))

    def contributions(self, columns: Columns, rows: int) -> Contributions:
        """What each column of `reads` added to each answer; with the base it adds up to the answer exactly.

        Trees by TreeSHAP, linear models by their terms. The base is what is left: what a row is expected to get, and
        the smoothing by which every class stays possible.
        """
        found = self._core.explain(columns, rows, self.reads)
        return self._link.contributions(found, self.score(columns, rows), self.reads)


def _core(model: Mapping[str, Any], blocks: list[Any], trees: str | None, load: LoadKernel) -> Any:
    if model["kind"] == "constant":
        return _Constant(model)
    if model["kind"] == "linear":
        return _Linear(model, blocks)
    if model["kind"] != "trees" or trees is None:
        raise ModelFileError(f"the compiled model is of kind {model['kind']!r}, and its trees are missing or none")
    return _Trees(model, blocks, trees, load)
