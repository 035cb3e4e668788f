"""Candidates that no plan needs, because another of the same customer is better in every way that limits can see."""

from __future__ import annotations

import numpy as np
import pandas as pd


def undominated(priced: pd.DataFrame) -> pd.DataFrame:
    """The candidates without those that another of the same customer, channel and benefit beats in profit and in cost.

    Profit is `weight`, what the choice counts, where there is such a column.

    An offer with a limit of its own (`capped`) is compared with itself alone, for it may run out.
    """
    keys = ["customer", "channel", "capped", "benefit"]
    worth = "weight" if "weight" in priced.columns else "expected_profit"
    judged = priced[[*keys, worth, "offer_cost", "offer"]]
    order = judged.assign(benefit=priced["benefit"].round(9)).sort_values(
        [*keys, worth, "offer_cost", "offer"], ascending=[True, True, True, True, False, True, True]
    )
    groups = order.groupby(keys)["offer_cost"]
    cheaper = order["offer_cost"] < groups.cummin().groupby([order[key] for key in keys]).shift()
    kept = order.index[cheaper | (groups.cumcount() == 0)]
    return priced.loc[np.sort(kept)].reset_index(drop=True)
