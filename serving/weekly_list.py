"""The week's two tables: the working list, and the full table for analysis.

What was planned for a control customer is blanked here, before anything is written: a control is left alone at random,
and whoever sees the withheld offer can be tempted to send it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError
from contracts.table import Table
from contracts.tables import AT_RISK, FULL_WEEK
from contracts.windows import iso_week, own_horizons

CONTROL_REASON = "left alone at random, to measure what offers bring"
UNPLANNED_REASON = "not in this week's plan"
WITHHELD: Mapping[str, object] = {
    "offer": "none",
    "mechanic": "none",
    "offer_text": "",
    "channel": "",
    "send_on": pd.NaT,
    "act_by": pd.NaT,
    "valid_until": pd.NaT,
    "notice_on": pd.NaT,
    "follow_up_on": pd.NaT,
    "codes": "",
    "offer_cost": np.nan,
    "expected_profit": np.nan,
    "expected_profit_low": np.nan,
    "expected_profit_high": np.nan,
    "price_benefit": np.nan,
    "benefit": np.nan,
    "effect": np.nan,
    "why": "",
    "why_none": CONTROL_REASON,
}
UNPUBLISHED = ("purpose", "propensity", "options", "p_savable")
"""Columns of a plan that only the record of experiments keeps: what a lot could have given tempts as well."""
UNPLANNED: Mapping[str, object] = {
    "arm": "none",
    "offer": "none",
    "mechanic": "none",
    "offer_text": "",
    "channel": "",
    "codes": "",
    "offer_cost": 0.0,
    "expected_profit": 0.0,
    "expected_profit_low": 0.0,
    "expected_profit_high": 0.0,
    "price_benefit": 0.0,
    "benefit": 0.0,
    "why": "",
    "why_none": UNPLANNED_REASON,
}
UNSCORED: Mapping[str, object] = {"risk_band": "", "change": "", "reasons": ""}
OVERDUE = ("high", "medium")
"""The bands that rules give to the overdue, the most urgent first."""
MONEY_DECIMALS = 2
SHARE_DECIMALS = 4
MONEY = (
    "value_at_stake",
    "value_at_stake_low",
    "value_at_stake_high",
    "expected_loss",
    "offer_cost",
    "expected_profit",
    "expected_profit_low",
    "expected_profit_high",
    "price_benefit",
    "benefit",
    "spend",
    "spend_ever",
    "headroom",
)
SHARES = ("p_lapse", "p_lapse_week_before", "effect", "usual_gap_days")


@dataclass(frozen=True)
class Terms:
    """What every row is to be read under: units, horizons, and the public newcomers' price that regulars may claim.

    With a `rhythm_multiple` each customer's horizon is their own, from `horizon_days` to `max_horizon_days`.
    """

    currency: str
    horizon_days: int
    value_horizon_days: int
    newcomer_price: str | None = None
    rhythm_multiple: float | None = None
    max_horizon_days: int = 0

    def horizons(self, usual_gap_days: pd.Series) -> npt.NDArray[np.int64]:
        """Days that the risk looks ahead, a customer."""
        if self.rhythm_multiple is None:
            return np.full(len(usual_gap_days), self.horizon_days, dtype=np.int64)
        gaps = usual_gap_days.to_numpy(dtype=np.float64)
        return own_horizons(gaps, self.rhythm_multiple, self.horizon_days, self.max_horizon_days)


ENTITLED_TIERS = ("regular", "devoted")


@dataclass(frozen=True)
class Week:
    """One week: `at_risk` has one row a customer to work on, `customers` one row a customer who ever bought."""

    name: str
    data_through: date
    at_risk: pd.DataFrame
    customers: pd.DataFrame


def build_week(
    scores: pd.DataFrame,
    portraits: pd.DataFrame,
    plan: pd.DataFrame,
    cutoffs: Mapping[str, str],
    *,
    list_size: int,
    terms: Terms,
    universal: Collection[str] = (),
) -> Week:
    """Join the week's tables, withhold what belongs to controls, and rank the working list.

    `cutoffs` holds the ISO dates `scored` and `data_end`; `universal` are the ids without marketing this year. Amounts
    come out in whole cents, shares with four decimals.
    """
    joined = _under(terms, cutoffs, judged(scores, portraits, plan, cutoffs, universal=universal))
    listed = rank(joined, list_size)
    scored_on, through = days_of(cutoffs)
    return Week(iso_week(scored_on), through, of_list(listed), _columns(_with_rank(joined, listed), FULL_WEEK))


def days_of(cutoffs: Mapping[str, str]) -> tuple[date, date]:
    """The scored Monday, and the last day of data that the week's rows speak of."""
    scored_on = date.fromisoformat(cutoffs["scored"])
    # rows speak of what was known at the scored Monday, even where the data go on
    return scored_on, min(date.fromisoformat(cutoffs["data_end"]), scored_on) - timedelta(days=1)


def judged(
    scores: pd.DataFrame,
    portraits: pd.DataFrame,
    plan: pd.DataFrame,
    cutoffs: Mapping[str, str],
    *,
    universal: Collection[str] = (),
    model: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Some customers' portraits, by id, with score and plan, as far as their columns go; what is withheld is blank.

    `model` is the week's version and grade, where the scores at hand need not tell it.
    """
    for table in (scores, portraits, plan):
        _refuse_other_week(table, date.fromisoformat(cutoffs["scored"]))
    joined = _joined(scores, portraits, plan, model or model_of(scores))
    return _rounded(withhold(_without_marketing(joined, universal)))


def full_rows(customers: pd.DataFrame, ranks: pd.Series, terms: Terms, cutoffs: Mapping[str, str]) -> pd.DataFrame:
    """FULL_WEEK of judged customers; `ranks` by id are the places in the working list."""
    place = customers["customer_id"].map(ranks).astype("Int64")
    return _columns(_under(terms, cutoffs, customers).assign(rank=place), FULL_WEEK)


def of_list(listed: pd.DataFrame) -> pd.DataFrame:
    """AT_RISK of listed rows, which have every column."""
    return _columns(listed, AT_RISK)


def _under(terms: Terms, cutoffs: Mapping[str, str], customers: pd.DataFrame) -> pd.DataFrame:
    """Week, units and horizons beside each row; the entitlement of every regular, controls included: no offer."""
    scored_on, through = days_of(cutoffs)
    entitled = customers["tier"].isin(ENTITLED_TIERS) & (terms.newcomer_price is not None)
    return customers.assign(
        week=iso_week(scored_on),
        data_through=pd.Timestamp(through),
        currency=terms.currency,
        horizon_days=terms.horizons(customers["usual_gap_days"]),
        value_horizon_days=terms.value_horizon_days,
        entitlements=entitled.map({True: terms.newcomer_price or "", False: ""}).astype("str"),
    )


def rank(customers: pd.DataFrame, list_size: int, has_losses: bool | None = None) -> pd.DataFrame:
    """The working list: the treated by expected profit, then the highest expected losses, up to `list_size` rows.

    Every treated customer is listed, even beyond `list_size`: dropping planned work would falsify the control group's
    comparison. Ties go by customer id, so that equal inputs give equal lists. Without a model nobody has an expected
    loss: the treated and the overdue are listed then, the high band first, each band by value at stake. `has_losses`
    says that anyone has one, where not everybody is at hand.
    """
    ordered = customers.sort_values("customer_id")
    treated = ordered[ordered["arm"] == "treated"].sort_values("expected_profit", ascending=False, kind="stable")
    others = ordered[ordered["arm"] == "none"]
    n_free = max(0, list_size - len(treated))
    if ordered["expected_loss"].notna().any() if has_losses is None else has_losses:
        losses = others[others["expected_loss"].notna()].sort_values("expected_loss", ascending=False, kind="stable")
        listed = pd.concat([treated, losses.head(n_free)], ignore_index=True)
    else:
        overdue = _most_urgent_first(others[others["risk_band"].isin(OVERDUE)]).head(n_free)
        listed = _most_urgent_first(pd.concat([treated, overdue], ignore_index=True)).reset_index(drop=True)
    return listed.assign(rank=np.arange(1, len(listed) + 1))


def _most_urgent_first(customers: pd.DataFrame) -> pd.DataFrame:
    """By band, high before medium before all others, then by value at stake."""
    urgency = customers["risk_band"].map({band: place for place, band in enumerate(OVERDUE)}).fillna(len(OVERDUE))
    order = pd.DataFrame({"urgency": urgency, "value": -customers["value_at_stake"]})
    return customers.loc[order.sort_values(["urgency", "value"], kind="stable").index]


def withhold(customers: pd.DataFrame) -> pd.DataFrame:
    """The same table in which every column that could tell a control's offer is blank for controls."""
    is_control = customers["arm"] == "control"
    return _with_values(customers, is_control, WITHHELD)


def _without_marketing(customers: pd.DataFrame, universal: Collection[str]) -> pd.DataFrame:
    """The universal control among those whom the plan did not see: the gone stand in no sheet either."""
    unseen = (
        customers["customer_id"].isin(list(universal)) & (customers["arm"] == "none") & (customers["offer"] == "none")
    )
    return customers.assign(arm=customers["arm"].mask(unseen, "universal"))


def _joined(scores: pd.DataFrame, portraits: pd.DataFrame, plan: pd.DataFrame, model: tuple[str, str]) -> pd.DataFrame:
    keyed = portraits.sort_values("customer_id", ignore_index=True)
    if "no_marketing" not in keyed.columns:
        keyed = keyed.assign(no_marketing=False)
    for table in (scores, plan):
        _refuse_strangers(table, keyed)
        known = table.drop(columns=["cutoff_on", *(name for name in UNPUBLISHED if name in table.columns)])
        keyed = keyed.merge(known, on="customer_id", how="left", validate="1:1")
    keyed = keyed.assign(model_version=model[0], model_grade=model[1])
    keyed = _with_values(keyed, keyed["risk_band"].isna(), UNSCORED)
    return _with_values(keyed, keyed["arm"].isna(), UNPLANNED)


def _with_values(frame: pd.DataFrame, where: pd.Series, values: Mapping[str, object]) -> pd.DataFrame:
    there = {name: value for name, value in values.items() if name in frame.columns}
    return frame.assign(**{name: frame[name].mask(where, value) for name, value in there.items()})


def model_of(scores: pd.DataFrame) -> tuple[str, str]:
    """Version and grade of the model behind scores; `ContractError` for more than one."""
    if scores.empty:
        return "", "none"
    models = scores[["model_version", "model_grade"]].drop_duplicates()
    if len(models) > 1:
        raise ContractError(f"table scores: expected one model in a week, got {len(models)}; run `dvc repro score`")
    return str(models["model_version"].iloc[0]), str(models["model_grade"].iloc[0])


def _refuse_other_week(table: pd.DataFrame, scored_on: date) -> None:
    others = {day.date() for day in table["cutoff_on"].unique()} - {scored_on}
    if others:
        raise ContractError(f"expected only the week of {scored_on}, got rows of {min(others)}; run `dvc repro`")


def _refuse_strangers(table: pd.DataFrame, portraits: pd.DataFrame) -> None:
    n_strangers = int((~table["customer_id"].isin(portraits["customer_id"])).sum())
    if n_strangers:
        raise ContractError(
            f"expected a portrait of every customer, found none for {n_strangers}; run `dvc repro portray`"
        )


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    places = dict.fromkeys(MONEY, MONEY_DECIMALS) | dict.fromkeys(SHARES, SHARE_DECIMALS)
    # adding zero turns -0.0 into 0.0, which would otherwise count as another row content
    there = {name: n for name, n in places.items() if name in frame.columns}
    return frame.assign(**{name: frame[name].astype("float64").round(n) + 0.0 for name, n in there.items()})


def _with_rank(customers: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    ranks = listed.set_index("customer_id")["rank"]
    return customers.assign(rank=customers["customer_id"].map(ranks).astype("Int64"))


def _columns(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    names = list(table.columns)
    return table(frame[names].reset_index(drop=True))
