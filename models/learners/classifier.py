"""The risk model as a scikit-learn classifier, for notebooks and for comparison with other estimators.

    cross_validate(ChurnClassifier(), X, y, groups=cutoffs, cv=ForwardSplit(), params={"cutoffs": cutoffs})

It fits the trees of `models.learners.trees` with the product's defaults. Given the cutoff of each row, it also chooses
a calibration on an inner forward fold; without cutoffs there is no honest one, so none is put on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from contracts.params import Execution, LightGbm
from models.learners import trees
from models.recipe.inner import calibration_inside
from models.recipe.splits import days_of
from models.risk import Floats
from models.rows import Rows


class ChurnClassifier(ClassifierMixin, BaseEstimator):
    """Regularised, bagged LightGBM for a rare outcome in two classes; the second class (in order) is the outcome.

    `min_leaf_share` is a share of the rows, so that 300 rows and 300,000 need no other setting. `label_days` is the
    label's window and grace, for the inner forward fold. `predict` cuts at .5, as scikit-learn expects: for money,
    cut `predict_proba` at the threshold that the costs give (`models.evaluation.profit`).
    """

    def __init__(
        self,
        *,
        num_trees: int = 400,
        learning_rate: float = 0.02,
        num_leaves: int = 12,
        min_leaf_share: float = 0.0033,
        feature_fraction: float = 0.3,
        bagging_fraction: float = 0.7,
        lambda_l2: float = 20.0,
        extra_trees: bool = False,
        max_bin: int = 63,
        n_bags: int = 3,
        label_days: int = 28,
        n_inner_cutoffs: int = 3,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.num_trees = num_trees
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_leaf_share = min_leaf_share
        self.feature_fraction = feature_fraction
        self.bagging_fraction = bagging_fraction
        self.lambda_l2 = lambda_l2
        self.extra_trees = extra_trees
        self.max_bin = max_bin
        self.n_bags = n_bags
        self.label_days = label_days
        self.n_inner_cutoffs = n_inner_cutoffs
        self.seed = seed
        self.threads = threads

    def __sklearn_tags__(self) -> Any:
        """Two classes only; missing values are read as such."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any, cutoffs: Any = None) -> ChurnClassifier:
        """Fit on rows `X`, their classes `y` and, for calibration, the cutoff of each row.

        Raises:
            ValueError: not two classes, or values that are no numbers.
        """
        values, y = validate_data(self, X, y, ensure_all_finite="allow-nan", dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported: expected 2 classes, got {len(self.classes_)} class(es)"
            )
        frame, lapsed = self._frame(values), y == self.classes_[1]
        self.model_ = self._fitted(frame, lapsed)
        if cutoffs is not None:
            self.model_ = self.model_.calibrated(self._calibration(frame, lapsed, cutoffs))
        return self

    def decision_function(self, X: Any) -> Floats:
        """Calibrated log-odds of the second class."""
        check_is_fitted(self)
        values = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        return self.model_.log_odds(self._frame(values))

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the two classes: shape (rows, 2)."""
        p = 1.0 / (1.0 + np.exp(-self.decision_function(X)))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: Any) -> Any:
        """The likelier class."""
        is_second = self.decision_function(X) > 0
        return self.classes_[is_second.astype(np.int64)]

    def _frame(self, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, columns=[f"x{position}" for position in range(values.shape[1])])

    def _fitted(self, frame: pd.DataFrame, lapsed: Any) -> trees.BaggedTrees:
        params = LightGbm(**{name: getattr(self, name) for name in LightGbm.model_fields if hasattr(self, name)})
        execution = Execution(seed=self.seed, threads=self.threads, workers=1)
        return trees.fit(frame, lapsed, list(frame.columns), params, execution)

    def _calibration(self, frame: pd.DataFrame, lapsed: Any, cutoffs: Any) -> Any:
        days = days_of(cutoffs).astype(np.int64)
        rows = Rows(frame, lapsed, days)
        n = self.n_inner_cutoffs
        return calibration_inside(lambda seen: self._fitted(seen.frame, seen.lapsed), rows, self.label_days, n)
