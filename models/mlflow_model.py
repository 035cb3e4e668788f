"""The model as MLflow loads it: code and plain data, no pickle.

MLflow runs this file ("models from code") when it logs and when it loads the model; nothing else imports it. Input is
one row a customer with the model's features as `double`; output is one column `p_lapse` in the same row order.
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
        from models.bundle import load_model

        self.model = load_model(context.artifacts["bundle"])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  MLflow calls with these names
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """The probability of no purchase in the horizon, one row a customer."""
        frame = model_input[list(self.model.features)].astype("float32")
        return pd.DataFrame({"p_lapse": self.model.predict(frame)}, index=model_input.index)


set_model(LapseModel())
