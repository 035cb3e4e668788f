"""The week in a terminal: the working list as a table that wraps to the window, and one customer in plain lines.

Texts come from the shop's data: they are shown as they are, without markup, and control characters are taken out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
NOTHING = "–"


def plain(value: object) -> Text:
    """A value as text that cannot steer the terminal or be read as markup."""
    return Text(_CONTROL.sub(" ", str(value)))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data for JSON: ISO dates, null for what is missing."""
    days = frame.select_dtypes("datetime").columns
    text: str = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%d") for name in days}).to_json(orient="records")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def day(value: pd.Timestamp) -> str:
    """An ISO date, or a dash."""
    return NOTHING if pd.isna(value) else f"{value:%Y-%m-%d}"


def money(value: float, currency: str = "") -> str:
    """An amount, or a dash where there is none."""
    return NOTHING if pd.isna(value) else f"{value:,.2f} {currency}".rstrip()


def interval(row: Mapping[str, Any], name: str, currency: str) -> str:
    """'12.50 USD [10.00, 15.00]': an estimate with its 95 % interval."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    ends = "" if pd.isna(low) or pd.isna(high) else f" [{low:,.2f}, {high:,.2f}]"
    return money(row[name], currency) + ends


def percent(value: float) -> str:
    """A probability in per cent, or a dash."""
    return NOTHING if pd.isna(value) else f"{100 * value:.1f} %"


def heading(manifest: Mapping[str, Any]) -> str:
    """Which week, data, revision and model a table shows, and in which units."""
    task, currency = manifest["params"]["task"], manifest["params"]["store"]["currency"]
    return (
        f"Week {manifest['week']}, data through {manifest['data_through']}, revision {manifest['revision']}, "
        f"{_judged_by(manifest)} "
        f"At stake and profit: {currency}, margin over {task['value_horizon_days']} days, with 95 % intervals."
    )


def _judged_by(manifest: Mapping[str, Any]) -> str:
    """The model and what its risk means; where there is none, that rules stand in and no probability is shown."""
    if manifest["model_grade"] == "none":
        return "no model: risk by rule, from the silence against each customer's own rhythm; no probability is known."
    task = manifest["params"]["task"]
    meant = f"in {task['horizon_days']} days"
    if is_own_rhythm(manifest):
        meant = f"within each customer's own horizon ({task['horizon_days']} to {task['max_horizon_days']} days)"
    return f"model {manifest['model_version']} (grade {manifest['model_grade']}). Risk: no purchase {meant}."


def is_own_rhythm(manifest: Mapping[str, Any]) -> bool:
    """Whether each customer's horizon is their own; weeks published before there was a choice have one for all."""
    return bool(manifest["params"]["task"].get("label") == "own_rhythm")


def list_table(rows: pd.DataFrame, manifest: Mapping[str, Any], n_reasons: int = 3) -> Table:
    """The working list, one row a customer: whom, how likely lost, what is at stake, why, and what to send.

    The message itself stands in the files and in `customer_lines`; here it would fill the window.
    """
    table = Table(box=SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0), caption=heading(manifest), caption_justify="left")
    table.add_column("#", justify="right", width=3)
    table.add_column("customer", width=9, overflow="fold")
    table.add_column("risk", width=8)
    table.add_column("who", width=10)
    table.add_column("at stake", width=10, justify="right")
    table.add_column("why", ratio=1)
    table.add_column("offer", ratio=1)
    names = [str(name) for name in rows.columns]
    for values in rows.itertuples(index=False, name=None):
        table.add_row(*(_lines(cell) for cell in _cells(dict(zip(names, values, strict=True)), n_reasons)))
    return table


def _lines(cell: str) -> Text:
    return Text("\n").join(plain(line) for line in cell.split("\n"))


def _cells(row: Mapping[str, Any], n_reasons: int) -> Iterator[str]:
    yield str(row["rank"])
    yield _one_line(row["customer_id"])
    yield _risk_cell(row)
    yield f"{row['tier']}\n{row['state']}\n{row['value_tier']}"
    yield _stacked(row, "value_at_stake")
    yield _one_line("; ".join(row["reasons"].split("; ")[:n_reasons])) or NOTHING
    yield _offer(row)


def _risk_cell(row: Mapping[str, Any]) -> str:
    if row["model_grade"] == "none":
        return f"{row['risk_band']}\nby rule\nno model" if row["risk_band"] else NOTHING
    return f"{percent(row['p_lapse'])}\n{row['risk_band']}\n{row['change']}".rstrip()


def _stacked(row: Mapping[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return money(row[name]) + ("" if pd.isna(low) else f"\n{low:,.0f}–{high:,.0f}")


def _offer(row: Mapping[str, Any]) -> str:
    if row["arm"] != "treated":
        return f"none: {_one_line(row['why_none'])}"
    when = f"send {day(row['send_on'])}, act by {day(row['act_by'])}"
    worth = f"cost {money(row['offer_cost'])}, expected profit {interval(row, 'expected_profit', '')}"
    what = f"{_one_line(row['offer'])} by {_one_line(row['channel'])}"
    return f"{what}\n{when}\n{worth}"


def _one_line(value: object) -> str:
    return _CONTROL.sub(" ", str(value))


def customer_lines(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One customer as (what, text) lines: portrait, risk, reasons, and the offer with its why, or why there is none."""
    task, currency = manifest["params"]["task"], manifest["params"]["store"]["currency"]
    yield "customer", f"{row['customer_id']}, week {row['week']}, data through {day(row['data_through'])}"
    yield (
        "standing",
        f"{row['tier']}, {row['state']}, {row['value_tier']} by value; purchase days so far: {row['n_purchase_days']}",
    )
    yield "group", f"{row['group']}: {row['promise']}"
    yield "portrait", row["evidence"] or NOTHING
    yield "rhythm", _rhythm(row)
    yield "likes", f"{row['favourite_category'] or NOTHING}; product to name: {row['matched_product'] or NOTHING}"
    yield "risk", _risk(row, is_own=is_own_rhythm(manifest))
    stake = f"{interval(row, 'value_at_stake', currency)} margin over {task['value_horizon_days']} days"
    yield "at stake", f"{stake}; expected loss {money(row['expected_loss'], currency)}"
    yield "reasons", row["reasons"] or NOTHING
    yield "last contact", f"{day(row['last_contact_on'])} {row['last_offer']} {row['last_outcome']}".strip()
    if row["entitlements"]:
        yield "entitled to", f"the newcomers' price, like every regular: {row['entitlements']}"
    yield "may be reached by", row["consented_channels"] or "no channel that needs consent"
    yield from _offer_lines(row, currency)


def _rhythm(row: Mapping[str, Any]) -> str:
    last = f"last purchase {day(row['last_purchase_on'])}"
    if pd.isna(row["usual_gap_days"]):
        return last
    gap = row["usual_gap_days"]
    usually = "every day" if gap == 1 else f"every {gap:g} days"
    due = "was due" if row["next_due_on"] <= row["data_through"] else "next due"
    return f"{last}; usually {usually}; {due} {day(row['next_due_on'])}"


def _risk(row: Mapping[str, Any], *, is_own: bool) -> str:
    if pd.isna(row["p_lapse"]) and row["risk_band"]:
        return f"no model, so no probability; band {row['risk_band']} by rule: the silence against their own rhythm"
    if pd.isna(row["p_lapse"]):
        return "no score: too few purchases yet, or none for long"
    before = row["p_lapse_week_before"]
    since = "" if pd.isna(before) else f", {row['change']} from {percent(before)} a week earlier"
    ahead = f"within their own horizon ({row['horizon_days']} days)" if is_own else f"in {row['horizon_days']} days"
    return f"{percent(row['p_lapse'])} to make no purchase {ahead}, band {row['risk_band']}{since}"


def _offer_lines(row: Mapping[str, Any], currency: str) -> Iterator[tuple[str, str]]:
    if row["arm"] != "treated":
        yield "offer", f"none: {row['why_none'] or NOTHING}"
        return
    yield "offer", f"{row['offer']} ({row['mechanic']}) by {row['channel']}: {row['offer_text']}"
    yield "when", f"send {day(row['send_on'])}, act by {day(row['act_by'])}, valid until {day(row['valid_until'])}"
    yield (
        "worth",
        f"cost {money(row['offer_cost'], currency)}; expected profit {interval(row, 'expected_profit', currency)}",
    )
    yield "why", row["why"] or NOTHING
