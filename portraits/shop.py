"""What of a portrait rests on the whole shop: middle customers, usual prices, peers, and which goods are alike."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portraits.common_goods import CommonGoods
from portraits.headroom import Peers


@dataclass(frozen=True)
class Shop:
    """A shop's customers taken together; amounts in store currency.

    `usual_gap_days`, `spend`, `spend_per_visit` and `lines_per_visit` are the middle customer's; `value_edges` say from
    which spend on one is of the top and of the middle tier; `usual_prices` are medians by category; `n_channels` of the
    half-year; `is_watched`: events beside buying are recorded. `goods` is None where nothing can be spoken of.
    """

    usual_gap_days: float
    value_edges: tuple[float, float]
    spend: float
    spend_per_visit: float
    lines_per_visit: float
    n_channels: float
    is_watched: bool
    usual_prices: pd.Series
    peers: Peers
    goods: CommonGoods | None
