"""Our own transformers, each from a frame of one kind of column to a table of numbers; fitted state is plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from pipelines.core.datetime_parts import datetime_parts, seen_parts

_HUGE = 1e30  # float32, which trees compute in, ends at 3e38; squares must not overflow


def _numbers(frame: Any) -> np.ndarray:
    """A new C-ordered table: sums depend, in the last bit, on how the memory is laid out."""
    table = frame.to_numpy(dtype=np.float64) if isinstance(frame, pd.DataFrame) else frame
    return np.clip(np.array(table, dtype=np.float64, order="C"), -_HUGE, _HUGE)


class RawNumbers(TransformerMixin, BaseEstimator):
    """Numbers as they are, missing ones as NaN; columns that were empty in training become zeros.

    >>> RawNumbers().fit(np.array([[1.0, np.nan]])).transform(np.array([[np.nan, 5.0]])).tolist()
    [[nan, 0.0]]
    """

    def fit(self, X: Any, y: Any = None) -> RawNumbers:
        """Learn which columns are empty."""
        self.empty_ = np.isnan(_numbers(X)).all(axis=0)
        self.n_features_in_ = len(self.empty_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Float64, shape (n, columns)."""
        table = _numbers(X)
        if self.empty_.any():
            table[:, self.empty_] = 0.0
        return table


class ScaledNumbers(TransformerMixin, BaseEstimator):
    """Numbers imputed by the median, clipped to the range seen, scaled to mean 0 and deviation 1.

    Clipping is what keeps a linear model from extrapolating. A column that had missing values in training gets a
    second column that says where.

    >>> fitted = ScaledNumbers().fit(np.array([[1.0, 3.0], [3.0, np.nan]]))
    >>> fitted.transform(np.array([[99.0, np.nan]])).tolist()
    [[1.0, 0.0, 1.0]]
    """

    def fit(self, X: Any, y: Any = None) -> ScaledNumbers:
        """Learn medians, ranges and scales."""
        table = _numbers(X)
        missing = np.isnan(table)
        self.n_features_in_ = table.shape[1]
        self.flagged_ = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        self.fill_ = np.zeros(table.shape[1])
        some = np.flatnonzero(~missing.all(axis=0))
        for column in some:
            self.fill_[column] = np.median(table[~missing[:, column], column])
        table = np.where(missing, self.fill_, table)
        self.low_, self.high_ = table.min(axis=0), table.max(axis=0)
        self.mean_ = table.mean(axis=0)
        spread = table.std(axis=0)
        # What rounding leaves of a constant column is no scale.
        constant = spread <= 1e-12 * np.maximum(np.abs(self.mean_), 1e-300)
        self.scale_ = np.where(constant, 1.0, spread)
        self.low_ = np.where(constant, self.mean_, self.low_)
        self.high_ = np.where(constant, self.mean_, self.high_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Float64, shape (n, columns + flags)."""
        table = _numbers(X)
        flags = np.isnan(table[:, self.flagged_]).astype(np.float64)
        table = np.where(np.isnan(table), self.fill_, table)
        table = (np.clip(table, self.low_, self.high_) - self.mean_) / self.scale_
        return np.hstack([table, flags])


class DatetimeParts(TransformerMixin, BaseEstimator):
    """Year, month, day of week, day of year and hour of each datetime; NaN where it is missing.

    With `cyclic` each part but the year becomes a sine and a cosine: December lies beside January. A part of which the
    training rows have not seen a whole turn is 0 throughout: what a model learns of spring says nothing of autumn, and
    does harm there.

    >>> moments = pd.DataFrame({"at": pd.to_datetime(["2009-02-01 06:00", "2013-02-01 06:00"])})
    >>> DatetimeParts().fit_transform(moments)[1].tolist()
    [2013.0, 2.0, 4.0, 32.0, 6.0]
    >>> DatetimeParts().fit(moments[1:]).transform(moments)[1].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, cyclic: bool = False) -> None:
        self.cyclic = cyclic

    def fit(self, X: pd.DataFrame, y: Any = None) -> DatetimeParts:
        """Learn of which parts the rows have seen enough."""
        self.n_features_in_ = X.shape[1]
        self.seen_ = np.concatenate([seen_parts(one, self.cyclic) for one in _moments(X)])
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Float64, shape (n, columns x 5), or (n, columns x 9) with `cyclic`."""
        table = np.hstack([datetime_parts(one, self.cyclic) for one in _moments(X)])
        table[:, ~self.seen_] = 0.0
        return table


def _moments(X: pd.DataFrame) -> list[np.ndarray]:
    return [X[name].to_numpy().astype("M8[us]") for name in X.columns]


class TextWords(TransformerMixin, BaseEstimator):
    """One column of text as sparse tf-idf of its words and pairs of words, hashed to at most `size` columns.

    Only the columns that training texts fill are kept, so that a small table makes a small model.

    >>> TextWords().fit_transform(pd.DataFrame({"note": ["late flight", None, "late"]})).toarray().round(2).tolist()
    [[0.62, 0.62, 0.47], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, size: int = 2**16) -> None:
        self.size = size

    def fit(self, X: pd.DataFrame, y: Any = None) -> TextWords:
        """Learn which words occur, and how rare each is."""
        self._learn(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None) -> csr_matrix:
        """As `fit` and `transform`, reading the texts once."""
        return self._weighted(self._learn(X))

    def transform(self, X: pd.DataFrame) -> csr_matrix:
        """Sparse float64, shape (n, columns filled in training), rows of length 1 (or 0 without known words)."""
        return self._weighted(self._counts(X)[:, self.used_])

    def _learn(self, X: pd.DataFrame) -> csr_matrix:
        counts = self._counts(X)
        self.n_features_in_ = X.shape[1]
        self.used_ = np.unique(counts.indices) if counts.nnz else np.zeros(1, dtype=counts.indices.dtype)
        counts = counts[:, self.used_]
        self.idf_ = TfidfTransformer().fit(counts).idf_
        return counts

    def _weighted(self, counts: csr_matrix) -> csr_matrix:
        counts.data = (1 + np.log(counts.data)) * self.idf_[counts.indices]
        norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
        counts.data /= np.repeat(np.where(norms > 0, norms, 1.0), np.diff(counts.indptr))
        return counts

    def _counts(self, X: pd.DataFrame) -> csr_matrix:
        texts = [text if isinstance(text, str) else "" for text in X.iloc[:, 0].tolist()]
        hashed = HashingVectorizer(n_features=self.size, ngram_range=(1, 2), norm=None, alternate_sign=False)
        return csr_matrix(hashed.transform(texts))


class TextTopics(TransformerMixin, BaseEstimator):
    """One column of text as a few dense topics (latent semantic analysis of `TextWords`), for trees.

    Deerwester et al., "Indexing by latent semantic analysis", 1990. Fewer topics where the rows allow no more.
    """

    def __init__(self, topics: int = 40, size: int = 2**16, seed: int = 0) -> None:
        self.topics = topics
        self.size = size
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None) -> TextTopics:
        """Learn the words' weights and the topics."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None) -> np.ndarray:
        """As `fit` and `transform`, reading the texts once."""
        self.n_features_in_ = X.shape[1]
        self.words_ = TextWords(self.size)
        table = self.words_.fit_transform(X)
        possible = min(self.topics, *table.shape)
        if possible < 2:
            self.components_ = np.zeros((1, table.shape[1]))
        else:
            self.components_ = TruncatedSVD(possible, random_state=self.seed).fit(table).components_
        return np.asarray(table @ self.components_.T)

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Float64, shape (n, topics found)."""
        return np.asarray(self.words_.transform(X) @ self.components_.T)
