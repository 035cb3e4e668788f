"""The tables of experiments: who was in which wave, what came of it, and what is believed of each offer since."""

from __future__ import annotations

import pandera.pandas as pa

from contracts.table import COUNT, DAY, FLAG, NUMBER, TEXT, Table, column, one_of, positive, share
from contracts.tables import CUSTOMER, INTERACTIONS, TIERS

FOLLOW_UP = "follow_up"
WAVE_ARMS = ("treated", "control")
PURPOSES = ("plan", "exploration", FOLLOW_UP)
NONE = "none"

_WAVE_KEY = {
    "wave": column(TEXT, "ISO week of the plan, as 2018-W01", pa.Check.str_matches(r"^\d{4}-W\d{2}$")),
    "cutoff_on": column(DAY, "the wave's Monday: outcome windows begin here"),
    "customer_id": CUSTOMER,
}
_ASSIGNED = {
    "purpose": one_of(
        "'plan': selected by the plan; 'exploration': drawn among the eligible offers; 'follow_up': selected by the "
        "plan while an earlier wave's window runs that had treated the customer; no new draw is made",
        *PURPOSES,
    ),
    "arm": one_of("'treated', or 'control': held back at random", *WAVE_ARMS),
    "offer": column(TEXT, "offer's id (a control's: what was withheld); 'none' if exploration drew none"),
    "channel": column(TEXT, "channel's id; empty if exploration drew none"),
    "propensity": column(
        NUMBER,
        "exact probability of what was drawn: of the arm among the selected, or of this offer (or none) in exploration",
        pa.Check.in_range(0, 1),
    ),
    "group": column(TEXT, "treatment group at the cutoff"),
    "risk_band": column(TEXT, "risk band at the cutoff; 'unscored' without a score"),
    "tier": one_of("loyalty earned so far", *TIERS),
    "interaction": one_of("how the customer met the shop before the cutoff", *INTERACTIONS),
    "p_lapse": share(
        "probability of no purchase in the horizon if not contacted; empty without a score", nullable=True
    ),
    "p_savable": share("risk that a contact can act on; empty without a score; absent: p_lapse", nullable=True),
    "value_at_stake": positive("margin at stake at the cutoff, currency; empty without a score", nullable=True),
    "reach": share("share of the channel's messages that reach a would-be lapser"),
    "offer_cost": positive("expected cost of benefit and contact, currency; 0 for none"),
    "contact_cost": positive("cost of the contact alone, currency; 0 for none"),
    "price_benefit": positive("expected worth of the price benefit to the customer, currency"),
    "effect": column(NUMBER, "fall of the lapse probability that was expected; empty without a score", nullable=True),
    "model_version": column(TEXT, "first 12 characters of the hash of the model behind p_lapse"),
    "cost_if_redeemed": positive(
        "cost of the benefit if it is redeemed, as the catalogue had it then, currency; 0 for none; absent: as today's",
        nullable=True,
    ),
    "horizon_days": column(COUNT, "days from the cutoff to the end of the outcome window", pa.Check.ge(1)),
    "options": column(TEXT, "exploration: what could be drawn, each as likely, joined by '; '; empty for a plan's"),
    "send_on": column(DAY, "day to send; empty if exploration drew none", nullable=True),
    "valid_until": column(DAY, "last day of the benefit; empty if exploration drew none", nullable=True),
}

OPTIONAL = frozenset({"options", "p_savable", "cost_if_redeemed"})
"""Weeks that were published before there were such columns have none."""

WAVES = Table(
    "waves",
    "one customer whom a published week drew into an experiment, treated or not",
    ("wave", "customer_id"),
    {**_WAVE_KEY, **_ASSIGNED},
    optional=OPTIONAL,
)

WAVE_OUTCOMES = Table(
    "wave_outcomes",
    "one customer of a wave whose outcome window has ended: what was drawn, and what came of it",
    ("wave", "customer_id"),
    {
        **_WAVE_KEY,
        **_ASSIGNED,
        "lapsed": column(FLAG, "no purchase in the horizon from the cutoff"),
        "amount": positive("paid in the horizon, currency"),
        "benefit_cost": positive("cost of the benefits redeemed in the horizon, currency; 0 for a control"),
        "margin": column(
            NUMBER,
            "margin of what was paid (at the price before the wave's own coupon), less benefits redeemed and the "
            "contact, currency",
        ),
        "margin_before": column(NUMBER, "margin of what was paid in as many days before the cutoff, currency"),
        "full_price_share": share("share of the amount paid in the horizon for lines at list price", nullable=True),
        "full_price_share_before": share("the same of as many days before the cutoff", nullable=True),
        "interaction_before": one_of(
            "how the customer met the shop in as many days before the cutoff; absent: `interaction`", *INTERACTIONS
        ),
        "interaction_after": one_of(
            "how the customer met the shop in the horizon, responses to the wave's own message apart", *INTERACTIONS
        ),
        "is_contacted": column(
            FLAG,
            "a message of the shop reached the customer in the horizon, by the records; not what is owed to everyone",
        ),
        "is_redeemed": column(FLAG, "a benefit of the wave was redeemed, by the records"),
        "reason": column(TEXT, "why the offer was not wanted, as recorded; empty if nobody said"),
        "exposure": positive(
            "sum over the message and those that followed in the horizon: reach × risk to act on",
            nullable=True,
        ),
        "n_messages": column(COUNT, "messages of this and later waves in the horizon", pa.Check.ge(0)),
        "follow_up_cost": positive("expected cost of the later ones, currency; in `margin`"),
    },
    optional=OPTIONAL | {"interaction_before", "exposure", "n_messages", "follow_up_cost"},
)

BELIEFS = Table(
    "beliefs",
    "one offer in one treatment group: what is believed of it by the cutoff, priors and experiments together",
    ("offer", "group"),
    {
        "offer": column(TEXT, "offer's id"),
        "group": column(TEXT, "treatment group"),
        "save": column(NUMBER, "share of would-be lapsers whom it keeps, by a channel of reach 1; posterior mean"),
        "save_variance": positive("its variance"),
        "harm": column(NUMBER, "share of would-be stayers whom it drives away; posterior mean"),
        "harm_variance": positive("its variance"),
        "covariance": column(NUMBER, "covariance of save and harm"),
        "extra": column(NUMBER, "margin in the horizon beyond retention and cost, currency; posterior mean"),
        "extra_variance": positive("its variance"),
        "n_treated": column(COUNT, "treated customers of matured waves behind it", pa.Check.ge(0)),
        "n_control": column(COUNT, "controls behind it", pa.Check.ge(0)),
        "verdict": one_of("of the offer as a whole", "works", "does nothing", "harms", "too early"),
        "last_wave": column(TEXT, "latest wave behind it; empty before the first"),
    },
)
