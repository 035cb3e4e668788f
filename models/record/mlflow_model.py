"""The model as MLflow loads it: code and plain data, no pickle.

MLflow runs this file ("models from code") when it logs and when it loads the model; nothing else imports it. Input is
one row a customer with the model's features as `double`; the columns that reasons tell of may stand beside them. Output
has the same rows: `p_lapse`, and `reasons` in the customer's own numbers ('' with `params={"n_reasons": 0}`, which is a
hundred times faster).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class LapseModel(PythonModel):
    """Wraps the folder that `models.bundle` wrote."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle that was logged with the model."""
        from pathlib import Path

        from models.bundle import load_model
        from models.candidate import read_release

        self.model = load_model(context.artifacts["bundle"])
        told = read_release(Path(context.artifacts["bundle"])).get("params", {})
        self.currency = told.get("store.currency", "")

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  MLflow calls with these names
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The probability of no purchase in the horizon, and why, one row a customer."""
        from models.reasons import reasons

        frame = model_input.astype("float32")
        n_reasons = int((params or {}).get("n_reasons", 3))
        texts = [""] * len(frame)
        if n_reasons and len(frame):
            contributions = self.model.contributions(frame)
            texts = reasons(frame, contributions, self.model.features, n_reasons, self.currency)
        return pd.DataFrame({"p_lapse": self.model.predict(frame), "reasons": texts}, index=model_input.index)


set_model(LapseModel())
