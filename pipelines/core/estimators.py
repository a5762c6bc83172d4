"""The platform's own last steps of a pipeline: every class has its column, and LightGBM as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone

from pipelines.core.errors import ProblemError


class AllClasses(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities have a column for every class of the contract, seen in training or not.

    One row of evidence spread over all classes is added to the rows trained on (Laplace's rule), so that no class is
    impossible and the log loss is finite. With one class only in training it answers that class.

    >>> from sklearn.linear_model import LogisticRegression
    >>> model = AllClasses(LogisticRegression(), 3).fit(np.array([[0.0], [1.0]]), np.array([0, 2]))
    >>> model.predict_proba(np.array([[0.0]])).round(2).tolist()
    [[0.48, 0.11, 0.41]]
    """

    def __init__(self, estimator: Any, n_classes: int) -> None:
        self.estimator = estimator
        self.n_classes = n_classes

    def fit(self, X: Any, y: np.ndarray) -> AllClasses:
        """Fit on class codes `y` (0 .. n_classes - 1), shape (n,)."""
        present = np.unique(np.asarray(y, dtype=np.int64))
        self.classes_ = np.arange(self.n_classes)
        self.present_ = present
        self.rows_ = len(y)
        self.estimator_ = clone(self.estimator).fit(X, np.asarray(y, dtype=np.int64)) if len(present) > 1 else None
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (n, n_classes)."""
        if self.estimator_ is None:
            return self._spread(np.ones((X.shape[0], 1)))
        return self._spread(self.estimator_.predict_proba(X))

    def staged_predict_proba(self, X: Any, stages: Sequence[int]) -> list[np.ndarray]:
        """Probabilities after each number of rounds in `stages`, rising."""
        if self.estimator_ is None:
            return [self.predict_proba(X)] * len(stages)
        return [self._spread(found) for found in at_stages(self.estimator_, X, stages)]

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class's code, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _spread(self, given: np.ndarray) -> np.ndarray:
        full = np.zeros((len(given), self.n_classes))
        full[:, self.present_] = given
        return (full * self.rows_ + 1 / self.n_classes) / (self.rows_ + 1)


def at_stages(estimator: Any, X: Any, stages: Sequence[int]) -> list[np.ndarray]:
    """What a boosting model would answer had it stopped after each number of rounds in `stages` (rising)."""
    if hasattr(estimator, "predict_after"):
        return [estimator.predict_after(X, rounds) for rounds in stages]
    if isinstance(estimator, AllClasses):
        return estimator.staged_predict_proba(X, stages)
    name = "staged_predict_proba" if hasattr(estimator, "classes_") else "staged_predict"
    wanted = set(stages)
    found = [scores for round_, scores in enumerate(getattr(estimator, name)(X), 1) if round_ in wanted]
    return found + found[-1:] * (len(stages) - len(found))


class _LightGBM(BaseEstimator):
    """LightGBM kept as its own text format: readable, exact, and nothing to unpickle.

    Both the trees just trained and those read from a file answer through the text, so they answer the same.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        num_leaves: int = 31,
        min_child_samples: int = 20,
        colsample: float = 1.0,
        subsample: float = 1.0,
        reg_lambda: float = 0.0,
        max_bin: int = 255,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.colsample = colsample
        self.subsample = subsample
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_booster"}

    def _fit(self, X: np.ndarray, y: np.ndarray, objective: dict[str, Any]) -> None:
        import lightgbm

        params = {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "feature_fraction": self.colsample,
            "bagging_fraction": self.subsample,
            "bagging_freq": 1 if self.subsample < 1 else 0,
            "lambda_l2": self.reg_lambda,
            "max_bin": self.max_bin,
            "seed": self.random_state,
            "num_threads": self.n_jobs,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            **objective,
        }
        try:
            data = lightgbm.Dataset(X, label=y, params=params, free_raw_data=True)
            booster = lightgbm.train(params, data, num_boost_round=self.n_estimators)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise ProblemError(f"learners: lightgbm: {error}") from error
        self.n_features_in_ = X.shape[1]
        # What follows the trees is how it was trained (threads too), not what it answers.
        self.model_ = booster.model_to_string().split("end of trees")[0] + "end of trees\n"
        self.__dict__.pop("_booster", None)

    def predict_after(self, X: np.ndarray, rounds: int | None) -> np.ndarray:
        """Answers of the first `rounds` rounds (None: all) on a dense float64 table, by one thread."""
        import lightgbm

        if "_booster" not in self.__dict__:
            self._booster = lightgbm.Booster(model_str=self.model_)
        return self._booster.predict(X, num_iteration=rounds or -1, num_threads=1)


class LightGBMRegressor(RegressorMixin, _LightGBM):
    """LightGBM for values: squared error."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> LightGBMRegressor:
        """Fit on values `y`, shape (n,)."""
        self._fit(X, np.asarray(y, dtype=np.float64), {"objective": "regression"})
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Values, shape (n,)."""
        return self.predict_after(X, None)


class LightGBMClassifier(ClassifierMixin, _LightGBM):
    """LightGBM for classes: log loss, binary or multinomial."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> LightGBMClassifier:
        """Fit on class codes `y`, shape (n,), at least two of them."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        several = {"objective": "multiclass", "num_class": len(self.classes_)}
        self._fit(X, codes, several if len(self.classes_) > 2 else {"objective": "binary"})
        return self

    def predict_after(self, X: np.ndarray, rounds: int | None) -> np.ndarray:
        """Probabilities of the first `rounds` rounds (None: all), shape (n, classes)."""
        found = super().predict_after(X, rounds)
        return found if found.ndim == 2 else np.column_stack([1 - found, found])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities, shape (n, classes)."""
        return self.predict_after(X, None)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The most probable class, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
