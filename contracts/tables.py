"""One contract for each table that crosses a stage.

A table is checked when it is written and when it is read. A breach is one line that names table, column and rule,
and never shows customers' data.
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from contracts.table import COUNT, DAY, FLAG, MAYBE, NUMBER, TEXT, Table, column, one_of, positive, share

CUSTOMER = column(TEXT, "the customer's id, as the shop gives it")
CUTOFF = column(DAY, "the Monday (local midnight) at which the customer is judged")

SNAPSHOTS = Table(
    "snapshots",
    "one customer judged at one cutoff",
    ("customer_id", "cutoff_on"),
    {
        "customer_id": CUSTOMER,
        "cutoff_on": CUTOFF,
        "is_eligible": column(FLAG, "may be scored: enough purchase days, a purchase in the active window"),
        "in_test_fit": column(FLAG, "trains the test fit"),
        "in_release_fit": column(FLAG, "trains the release fit"),
        "is_test": column(FLAG, "judges the test fit"),
        "is_previous": column(FLAG, "the week before the scored one"),
        "is_scored": column(FLAG, "the scored week: every customer who ever bought"),
        "horizon_days": column(COUNT, "days that the label looks ahead of the cutoff", pa.Check.ge(1)),
        "lapsed": column(MAYBE, "no purchase in the horizon; empty where the window has not matured", nullable=True),
        "amount_in_value_horizon": positive("paid in the value horizon; empty where it has not matured", nullable=True),
        "treated_after_days": column(
            NUMBER,
            "days from the cutoff until the shop's own experiment treats the customer in the label's window, 0 or less "
            "if it had begun by then; empty if none does, or without a label",
            nullable=True,
        ),
        "untreated_weight": positive(
            "0 for those; 1 / probability of being left alone for the controls of such experiments; 1 for all others"
        ),
    },
    optional=frozenset({"treated_after_days", "untreated_weight"}),
)

FEATURE_KEYS = ("customer_id", "cutoff_on")
FEATURES = Table(
    "features",
    "one customer at one cutoff; one float32 column a feature",
    FEATURE_KEYS,
    {"customer_id": CUSTOMER, "cutoff_on": CUTOFF},
    more_columns=True,
)

TEST_PREDICTIONS = Table(
    "test_predictions",
    "one customer at one test cutoff, predicted by the test fit",
    FEATURE_KEYS,
    {
        "customer_id": CUSTOMER,
        "cutoff_on": CUTOFF,
        "p_lapse": share("predicted probability of no purchase in the horizon"),
        "lapsed": column(FLAG, "what happened"),
    },
)


def test_predictions(predicted: pd.DataFrame, model: str) -> pd.DataFrame:
    """The named model's column as the table `test_predictions`."""
    renamed = predicted.rename(columns={model: "p_lapse"})
    return renamed[list(TEST_PREDICTIONS.columns)]


BASELINE_PREDICTIONS = Table(
    "baseline_predictions",
    "one customer at one test cutoff; one probability column a baseline",
    FEATURE_KEYS,
    {"customer_id": CUSTOMER, "cutoff_on": CUTOFF},
    more_columns=True,
)

SCORES = Table(
    "scores",
    "one eligible customer in the scored week",
    ("customer_id",),
    {
        "customer_id": CUSTOMER,
        "cutoff_on": CUTOFF,
        "p_lapse": share("probability of no purchase in the horizon; empty without a model", nullable=True),
        "p_lapse_week_before": share(
            "the same model's probability one week earlier; empty if not eligible then", nullable=True
        ),
        "change": one_of("against the same model one week earlier", "new", "up", "same", "down"),
        "risk_band": one_of("band of p_lapse; without a model, of the silence", "low", "medium", "high"),
        "margin_if_kept": positive("expected margin over the value horizon if kept in the risk horizon, currency"),
        "margin_if_lapsed": positive("the same if lapsed: who comes back later still buys; at most as much"),
        "value_at_stake": positive("margin_if_kept less margin_if_lapsed, currency"),
        "value_at_stake_low": positive(
            "lower end of the 95 % interval of what customers like this one lose on average"
        ),
        "value_at_stake_high": positive("upper end of that interval, which does not bound one customer's luck"),
        "expected_loss": positive("p_lapse × value_at_stake, currency; empty without a model", nullable=True),
        "reasons": column(TEXT, "reasons in plain words, joined by '; '; empty where not explained"),
        "model_version": column(TEXT, "first 12 characters of the model's hash"),
        "model_grade": one_of("what the champion is", "model", "rule", "none"),
        "p_savable": share(
            "part of p_lapse that a contact can act on: that they leave, not merely buy late; empty without a model",
            nullable=True,
        ),
        "redeem_odds": positive(
            "odds that this customer takes an offer up over the average contacted one's; 1 where nothing is known"
        ),
    },
    optional=frozenset({"margin_if_kept", "margin_if_lapsed", "p_savable", "redeem_odds"}),
)

SENSITIVITIES = ("full-price", "mixed", "promotion-led", "unknown")
TIERS = ("new", "returning", "regular", "devoted")
STATES = ("active", "lapsing", "gone")
INTERACTIONS = ("unknown", "forced", "induced", "sticky")
PAYERS = ("unknown", "self", "employer", "gift", "mixed")

PORTRAITS = Table(
    "portraits",
    "one customer who ever bought, in the scored week",
    ("customer_id",),
    {
        "customer_id": CUSTOMER,
        "cutoff_on": CUTOFF,
        "tier": one_of("loyalty earned so far, kept while lapsing", *TIERS),
        "state": one_of("present silence against the customer's own rhythm", *STATES),
        "value_tier": one_of("by spend in the last 182 days", "top", "middle", "base"),
        "group": column(TEXT, "value × risk × lifecycle: the treatment group, as portraits.yaml names it"),
        "treatment": column(
            TEXT, "what the group gets, in portraits.yaml's words; 'leave alone' if deliberately nothing"
        ),
        "promise": column(TEXT, "the group's promise to the customer, one sentence"),
        "labels": column(TEXT, "labels, joined by '; '"),
        "evidence": column(TEXT, "one sentence a label with the customer's own numbers, joined by ' '"),
        "promotion_sensitivity": one_of("by the share of list price given off", *SENSITIVITIES),
        "favourite_category": column(TEXT, "category with most purchase days in the last 182 days; empty if none"),
        "matched_product": column(TEXT, "product to name; empty if none"),
        "due_product": column(
            TEXT, "that product if the customer's own repeat rhythm says it is due; empty if nothing is"
        ),
        "n_purchase_days": column(COUNT, "purchase days so far", pa.Check.ge(1)),
        "last_purchase_on": column(DAY, "local day of the last purchase"),
        "usual_gap_days": positive("median days between purchase days; empty with one purchase day", nullable=True),
        "next_due_on": column(DAY, "last purchase plus the usual gap; empty with one purchase day", nullable=True),
        "last_contact_on": column(DAY, "last campaign received before the cutoff; empty if none", nullable=True),
        "last_offer": column(TEXT, "that campaign's id; empty if none"),
        "last_outcome": column(
            TEXT, "'redeemed' if one of its coupons was redeemed before the cutoff, else 'no response'; empty if none"
        ),
        "consented_channels": column(TEXT, "channels with consent, joined by ','; empty if unknown or none"),
        "no_marketing": column(FLAG, "wants no marketing; absent: nobody has said so"),
        "interaction": one_of(
            "how the customer meets the shop beside buying; 'unknown' where none is recorded", *INTERACTIONS
        ),
        "payer": one_of("who pays for most of what is bought; 'unknown' where not recorded", *PAYERS),
        "spend": positive("paid in the last 182 days, currency"),
        "spend_ever": positive("paid so far, currency"),
        "headroom": positive(
            "what customers of like behaviour spent more in the last 182 days, over categories where they did, currency"
        ),
        "first_purchase_on": column(DAY, "local day of the first purchase"),
        "joined_on": column(DAY, "local day of joining; empty if unknown", nullable=True),
        "due_from_on": column(
            DAY,
            "with due_until_on, the days between which the next purchase falls for about half of such gaps",
            nullable=True,
        ),
        "due_until_on": column(DAY, "end of that interval; empty with fewer than three gaps", nullable=True),
        "goes_with_product": column(TEXT, "what others buy together with the due or matched product; empty if none"),
        "within_price_product": column(
            TEXT, "an option for it that costs no more than what this customer usually pays; empty if none"
        ),
        "lapsed_product": column(TEXT, "once bought again and again, no more since; empty if none"),
        "has_open_complaint": column(FLAG, "a complaint before the cutoff that is not closed"),
        "asked_channel": column(TEXT, "channel that the customer asked for; empty if none"),
        "answered_channel": column(TEXT, "channel whose messages the customer answered most; empty if none is known"),
    },
    optional=frozenset({"no_marketing"}),
)

ARMS = ("treated", "control", "universal", "awaited", "none")

PLAN = Table(
    "plan",
    "one customer who is not gone: the offer planned for the scored week, or none with the reason",
    ("customer_id",),
    {
        "customer_id": CUSTOMER,
        "cutoff_on": CUTOFF,
        "offer": column(TEXT, "offer's id; 'none' if none"),
        "mechanic": column(TEXT, "offer's mechanic; 'none' if none"),
        "offer_text": column(TEXT, "message to the customer; empty if none"),
        "channel": column(TEXT, "channel's id; empty if none"),
        "send_on": column(DAY, "day to send; empty if none", nullable=True),
        "act_by": column(DAY, "last day for the team to act; empty if none", nullable=True),
        "valid_until": column(DAY, "last day of the benefit, announced; empty if none", nullable=True),
        "notice_on": column(DAY, "day on which the end of a price benefit is announced again", nullable=True),
        "follow_up_on": column(DAY, "day after a price benefit's end on which it is followed up", nullable=True),
        "codes": column(TEXT, "what the till knows the benefits by, joined by ', '; empty if none"),
        "offer_cost": positive("expected cost of benefit and contact, currency"),
        "price_benefit": positive("expected worth of the price benefit to the customer, currency"),
        "benefit": positive("expected worth of the whole benefit to the customer, currency"),
        "effect": column(NUMBER, "expected fall of the lapse probability; empty without a score", nullable=True),
        "expected_profit": column(NUMBER, "expected incremental profit, currency"),
        "expected_profit_low": column(NUMBER, "lower end of its 95 % interval under the catalogue's priors"),
        "expected_profit_high": column(NUMBER, "upper end of its 95 % interval under the catalogue's priors"),
        "why_none": column(TEXT, "why no offer; empty if there is one"),
        "why": column(TEXT, "rule path and numbers behind the decision"),
        "arm": one_of(
            "treated, held back at random to measure the effect, without marketing for the year, held back in a wave "
            "that still runs, or not selected",
            *ARMS,
        ),
        "purpose": one_of(
            "whether the plan selected the customer, exploration drew, or the plan follows up a message whose window "
            "still runs; empty if none",
            "plan",
            "exploration",
            "follow_up",
            "",
        ),
        "propensity": share("exact probability of what was drawn; empty where nothing was", nullable=True),
        "options": column(TEXT, "exploration: what could be drawn, each as likely, joined by '; '"),
        "p_savable": share("risk that a contact could act on; empty without a score", nullable=True),
    },
)


def _week_columns(*, is_list: bool) -> dict[str, pa.Column]:
    """The published columns, in order. The full table holds controls too, whose offer and money stay empty."""
    withheld = not is_list
    arms = ("treated", "none") if is_list else ARMS
    return {
        "week": column(TEXT, "ISO week, as 2018-W01", pa.Check.str_matches(r"^\d{4}-W\d{2}$")),
        "data_through": column(DAY, "last local day that the data covers"),
        "rank": column(
            COUNT if is_list else "Int64", "place in the working list, from 1", pa.Check.ge(1), nullable=withheld
        ),
        "customer_id": CUSTOMER,
        "p_lapse": share("probability of no purchase in the horizon; empty without a score", nullable=True),
        "risk_band": one_of(
            "band of p_lapse, without a model of the silence; empty without a score", "low", "medium", "high", ""
        ),
        "change": one_of(
            "against the same model one week earlier; empty without a score", "new", "up", "same", "down", ""
        ),
        "tier": one_of("loyalty earned so far", *TIERS),
        "state": one_of("present silence against the customer's own rhythm", *STATES),
        "value_tier": one_of("by spend in the last 182 days", "top", "middle", "base"),
        "group": column(TEXT, "treatment group"),
        "promise": column(TEXT, "the group's promise to the customer"),
        "value_at_stake": positive("margin at stake, currency; empty without a score", nullable=True),
        "expected_loss": positive("p_lapse × value_at_stake, currency; empty without a score", nullable=True),
        "labels": column(TEXT, "labels, joined by '; '"),
        "reasons": column(TEXT, "reasons in plain words, joined by '; '; empty where not explained"),
        "last_purchase_on": column(DAY, "local day of the last purchase"),
        "usual_gap_days": positive("median days between purchase days; empty with one purchase day", nullable=True),
        "next_due_on": column(DAY, "last purchase plus the usual gap; empty with one purchase day", nullable=True),
        "favourite_category": column(TEXT, "category with most purchase days; empty if none"),
        "matched_product": column(TEXT, "product to name; empty if none"),
        "offer": column(TEXT, "offer's id; 'none' if none or withheld"),
        "offer_text": column(TEXT, "message to the customer; empty if none"),
        "channel": column(TEXT, "channel's id; empty if none"),
        "send_on": column(DAY, "day to send; empty if none", nullable=True),
        "act_by": column(DAY, "last day for the team to act; empty if none", nullable=True),
        "valid_until": column(DAY, "last day of the benefit; empty if none", nullable=True),
        "offer_cost": positive(
            "expected cost of benefit and contact, currency; empty for a control", nullable=withheld
        ),
        "expected_profit": column(
            NUMBER, "expected incremental profit, currency; empty for a control", nullable=withheld
        ),
        "why_none": column(TEXT, "why no offer; empty if there is one"),
        "last_contact_on": column(DAY, "last campaign received; empty if none", nullable=True),
        "last_offer": column(TEXT, "that campaign's id; empty if none"),
        "last_outcome": column(TEXT, "what came of it; empty if none"),
        "consented_channels": column(TEXT, "channels with consent, joined by ','"),
        "arm": one_of("treated, held back at random, or not selected", *arms),
        "model_version": column(TEXT, "first 12 characters of the model's hash; empty without a model"),
        "model_grade": one_of("what the champion is", "model", "rule", "none"),
        "value_at_stake_low": positive("lower end of its 95 % interval", nullable=True),
        "value_at_stake_high": positive("upper end of its 95 % interval", nullable=True),
        "expected_profit_low": column(NUMBER, "lower end of its 95 % interval", nullable=withheld),
        "expected_profit_high": column(NUMBER, "upper end of its 95 % interval", nullable=withheld),
        "currency": column(TEXT, "ISO 4217 code of every amount of the row"),
        "horizon_days": column(COUNT, "days that p_lapse looks ahead for this customer", pa.Check.ge(1)),
        "value_horizon_days": column(COUNT, "days over which margin is counted", pa.Check.ge(1)),
        "entitlements": column(TEXT, "what every regular may claim, controls included; empty if nothing"),
        "notice_on": column(DAY, "day on which the end of a price benefit is announced again", nullable=True),
        "follow_up_on": column(DAY, "day after a price benefit's end on which it is followed up", nullable=True),
        "codes": column(TEXT, "what the till knows the benefits by, joined by ', '; empty if none"),
    }


AT_RISK = Table(
    "at_risk",
    "one customer of the week's working list; no control customer is in it",
    ("customer_id",),
    _week_columns(is_list=True),
)

FULL_WEEK = Table(
    "full_week",
    "one customer who ever bought, in the published week; what was planned for a control is withheld",
    ("customer_id",),
    {
        **_week_columns(is_list=False),
        "evidence": column(TEXT, "one sentence a label with the customer's own numbers"),
        "due_product": column(TEXT, "product that is due by the customer's own rhythm; empty if none"),
        "promotion_sensitivity": one_of("by the share of list price given off", *SENSITIVITIES),
        "n_purchase_days": column(COUNT, "purchase days so far", pa.Check.ge(1)),
        "p_lapse_week_before": share(
            "the same model's probability one week earlier; empty if not eligible then", nullable=True
        ),
        "mechanic": column(TEXT, "offer's mechanic; 'none' if none or withheld"),
        "price_benefit": positive(
            "worth of the price benefit to the customer, currency; empty for a control", nullable=True
        ),
        "benefit": positive("worth of the whole benefit to the customer, currency; empty for a control", nullable=True),
        "effect": column(
            NUMBER, "expected fall of the lapse probability; empty without a score or for a control", nullable=True
        ),
        "why": column(TEXT, "rule path and numbers behind the decision; empty for a control"),
        "treatment": column(TEXT, "what the group gets"),
        "no_marketing": column(FLAG, "wants no marketing"),
        "interaction": one_of("how the customer meets the shop beside buying", *INTERACTIONS),
        "payer": one_of("who pays for most of what is bought", *PAYERS),
        "spend": positive("paid in the last 182 days, currency"),
        "spend_ever": positive("paid so far, currency"),
        "headroom": positive("what customers of like behaviour spent where this one spent less, 182 days, currency"),
        "first_purchase_on": column(DAY, "local day of the first purchase"),
        "due_from_on": column(DAY, "the next purchase falls for half of such gaps from this day", nullable=True),
        "due_until_on": column(DAY, "to this one; both empty with fewer than three gaps", nullable=True),
        "goes_with_product": column(TEXT, "what goes with the due or matched product; empty if none"),
        "within_price_product": column(TEXT, "an option at or below the usual price; empty if none"),
        "lapsed_product": column(TEXT, "bought again and again once, no more since; empty if none"),
        "has_open_complaint": column(FLAG, "a complaint that is not closed"),
    },
)
