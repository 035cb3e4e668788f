"""The guard: honest plans pass, planted violations are found, each by its rule, and no customer stands in an error."""

import numpy as np
import pandas as pd
import pytest

from contracts.errors import GuardError
from contracts.params.acting import Cap
from contracts.tables import PORTRAITS, SCORES
from contracts.words import day_text
from offers.audience import Audience, Occasion
from offers.eligibility import customers_of, fits, speakable
from offers.guard.contacts import contact_findings
from offers.guard.findings import guard_report, refuse
from offers.guard.inspection import inspect
from offers.guard.parity import parity_findings
from offers.plan import make_plan
from tests.offer_shops import CATALOGUE as DEFAULT
from tests.offer_shops import CUTOFF, PLAN, RULES, WORDS, setting_of

LIMITS = PLAN.model_copy(
    update={
        "min_cell": 20,
        "capacity": 60,
        "budget": 90.0,
        "control_share": 0.25,
        "newcomer_price": "2 EUR off a first shop",
    }
)
FEW_LETTERS = tuple(c.model_copy(update={"capacity": 35}) if c.id == "letter" else c for c in DEFAULT.channels)
CATALOGUE = DEFAULT.model_copy(update={"channels": FEW_LETTERS})


def shop(n: int = 240) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Portraits and scores of a shop with every tier, state and band; the last 12 customers have no score."""
    k = np.arange(n)
    tier = np.array(["returning", "regular", "devoted"])[k % 3].astype(object)
    tier[-12:] = "new"
    state = np.where(k % 4 == 1, "lapsing", "active")
    state[5] = "gone"
    band = np.array(["high", "medium", "low"])[k // 3 % 3]
    portraits = pd.DataFrame(
        {
            "customer_id": [f"c{i:03d}" for i in k],
            "cutoff_on": pd.Timestamp(CUTOFF),
            "tier": tier,
            "state": state,
            "value_tier": np.array(["top", "middle", "base"])[k % 7 % 3],
            "group": np.where(k % 10 == 9, "undisturbed", "regulars at risk"),
            "treatment": "an offer that fits",
            "promise": "We look after you.",
            "labels": np.where(k % 2, "weekend shopper; has a favourite", "weekend shopper"),
            "evidence": "",
            "promotion_sensitivity": np.array(["full-price", "mixed", "promotion-led"])[k // 2 % 3],
            "favourite_category": "DAIRY",
            "matched_product": np.where(k % 6 == 0, "OAT MLK", "MILK"),
            "due_product": np.where(k % 4 == 0, "MILK", ""),
            "n_purchase_days": 6,
            "last_purchase_on": pd.Timestamp("2017-12-20"),
            "usual_gap_days": 7.0,
            "next_due_on": pd.Timestamp("2017-12-27"),
            "last_contact_on": pd.Series(pd.NaT, index=k).mask(pd.Series(k % 11 == 3), pd.Timestamp("2017-12-30")),
            "last_offer": "",
            "last_outcome": "",
            "consented_channels": np.where(k % 5 == 0, "email", ""),
            "no_marketing": k % 41 == 7,
            "interaction": "unknown",
            "payer": "unknown",
            "spend": 100.0 + k,
            "spend_ever": 400.0 + k,
            "headroom": 10.0 + k % 9,
            "first_purchase_on": pd.Timestamp("2017-01-05"),
            "joined_on": pd.Timestamp("2016-06-01"),
            "due_from_on": pd.Timestamp("2017-12-26"),
            "due_until_on": pd.Timestamp("2017-12-29"),
            "goes_with_product": "",
            "within_price_product": "",
            "lapsed_product": "",
            "has_open_complaint": k % 37 == 11,
            "asked_channel": "",
            "answered_channel": "",
        }
    )
    p_lapse = np.select([band == "high", band == "medium"], [0.5, 0.25], 0.08)
    stake = 20.0 + k % 50
    scores = pd.DataFrame(
        {
            "customer_id": portraits["customer_id"],
            "cutoff_on": pd.Timestamp(CUTOFF),
            "p_lapse": p_lapse,
            "p_lapse_week_before": np.nan,
            "change": "new",
            "risk_band": band,
            "value_at_stake": stake,
            "value_at_stake_low": stake * 0.8,
            "value_at_stake_high": stake * 1.2,
            "expected_loss": p_lapse * stake,
            "reasons": np.where(k % 13 == 12, "", "Away for longer than usual."),
            "model_version": "0" * 12,
            "model_grade": "model",
            "redeem_odds": np.where(k % 3 == 0, 2.0, 1.0),
        }
    )
    group = portraits["group"].mask(portraits["tier"] == "new", "newcomers")
    alone = (portraits["group"] == "undisturbed") & (scores["risk_band"] == "low") & (portraits["tier"] == "returning")
    group = group.mask((group == "undisturbed") & ~alone, "regulars at risk").mask(state == "gone", "gone")
    scores = scores.iloc[: n - 12]
    return PORTRAITS(portraits.assign(group=group)), SCORES(scores[scores["customer_id"] != "c005"])


PORTRAIT_TABLE, SCORE_TABLE = shop()
CUSTOMERS = speakable(customers_of(PORTRAIT_TABLE, SCORE_TABLE, CATALOGUE), WORDS)
MADE = make_plan(SCORE_TABLE, PORTRAIT_TABLE, setting_of(LIMITS, CATALOGUE))
PLAN_TABLE = MADE.plan


def verdict(
    plan=PLAN_TABLE,
    portraits=PORTRAIT_TABLE,
    scores=SCORE_TABLE,
    catalogue=CATALOGUE,
    limits=LIMITS,
    features=(),
    **more,
):
    return guard_report(inspect(plan, portraits, scores, setting_of(limits, catalogue, **more), feature_names=features))


def broken_rules(**case) -> set[str]:
    return {breach["rule"] for breach in verdict(**case)["breaches"]}


def changed(where, **columns) -> pd.DataFrame:
    plan = PLAN_TABLE.copy()
    for name, value in columns.items():
        plan.loc[where, name] = value
    return plan


def first(mask) -> pd.Series:
    """Only the first row of those that the mask flags."""
    return mask & (mask.cumsum() == 1)


OFFERED = PLAN_TABLE["offer"] != "none"
BY_RISK = OFFERED & ~PLAN_TABLE["offer"].isin(["welcome_help", "thank_you", "put_right", "a_year_with_us"])
PRICED = PLAN_TABLE["price_benefit"] > 0
OWED = PLAN_TABLE["mechanic"] == "service_recovery"


def test_an_honest_plan_passes_and_uses_what_it_may():
    assert MADE.guard == verdict()
    assert MADE.guard["passed"]
    refuse(MADE.guard)
    assert OFFERED.sum() > 20
    assert MADE.weighed.choice.gap <= 1e-6
    assert set(PLAN_TABLE["customer_id"]) == set(PORTRAIT_TABLE.loc[PORTRAIT_TABLE["state"] != "gone", "customer_id"])


def test_plan_rows_say_what_they_are():
    none = PLAN_TABLE[~OFFERED]
    assert (none["expected_profit"] == 0).all()
    assert (none["offer_text"] == "").all()
    drew_none = none["purpose"] == "exploration"
    assert (none.loc[~drew_none, "arm"].isin(["none", "universal", "awaited"])).all()
    assert (none.loc[drew_none, "arm"] == "control").all()
    assert (none["why_none"] != "").all()
    chosen = PLAN_TABLE[OFFERED & ~OWED & (PLAN_TABLE["purpose"] == "plan")]
    assert abs((chosen["arm"] == "control").sum() - 0.25 * len(chosen)) < 1
    assert (chosen.loc[chosen["arm"] == "control", "offer_text"] != "").all()
    assert PLAN_TABLE.loc[OFFERED, "offer_text"].str.startswith("Hello {name}, ").all()
    assert PLAN_TABLE.loc[PLAN_TABLE["customer_id"] == "c003", "why_none"].item() == (
        "Contacted less than 14 days before 2018-01-02; left to rest."
    )


def test_rule_1_only_gives():
    assert "only gives" in broken_rules(plan=changed(first(OFFERED), benefit=-1.0))
    assert "only gives" in broken_rules(plan=changed(first(~OFFERED), price_benefit=0.5))
    assert "true amounts" in broken_rules(plan=changed(first(OFFERED), benefit=0.1))
    assert "true amounts" in broken_rules(plan=changed(first(OFFERED), offer_cost=0.0))


@pytest.mark.parametrize("place", ["plan", "portraits", "scores"])
def test_rule_2_no_forbidden_column_anywhere(place):
    tables = {"plan": PLAN_TABLE, "portraits": PORTRAIT_TABLE, "scores": SCORE_TABLE}
    assert broken_rules(**{place: tables[place].assign(Income="35-49K")}) == {"blind"}


def test_rule_2_no_forbidden_feature_and_no_plan_from_forbidden_input():
    assert broken_rules(features=["days_since_last_purchase", "age"]) == {"blind"}
    for scores, portraits in (
        (SCORE_TABLE.assign(gender="F"), PORTRAIT_TABLE),
        (SCORE_TABLE, PORTRAIT_TABLE.assign(device="phone")),
    ):
        with pytest.raises(GuardError, match="forbidden attribute"):
            make_plan(scores, portraits, setting_of(LIMITS, CATALOGUE))


def with_offer(name: str, **changes):
    offers = tuple(o.model_copy(update=changes) if o.id == name else o for o in CATALOGUE.offers)
    return CATALOGUE.model_copy(update={"offers": offers})


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": Audience(risk_bands=("unscored",), promotion_sensitivity=("promotion-led",))},
        {"never_with": ("thank_you",)},
        {"days_after": {"welcome_help": 1}},
        {"audience": Audience(labels=("steady rhythm",), promotion_sensitivity=("promotion-led",))},
        {"audience": Audience(without_labels=("has a favourite",), promotion_sensitivity=("promotion-led",))},
        {"occasion": Occasion(kind="joining")},
    ],
)
def test_rule_3a_no_way_round_it_by_what_stands_for_a_tier(changes):
    assert "loyal tiers admitted" in broken_rules(catalogue=with_offer("five_back", **changes))


def test_rule_1_a_price_is_declared_as_one():
    hidden = with_offer("five_back", price_worth=0.0, other_worth=5.0)
    assert "only gives" in broken_rules(catalogue=hidden)


def test_rule_3b_price_alone_within_each_cell():
    """A thank-you note cannot buy a newer customer's discount: its worth is no price."""
    rows = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"], "tier": ["returning", "returning", "regular", "regular"],
            "state": "active", "consented_channels": "", "risk_band": "high", "asked_channel": "",
            "answered_channel": "", "offer": ["five_back", "none", "free_delivery", "none"], "purpose": "plan",
        }
    )  # fmt: skip
    found = {finding.rule: finding for finding in parity_findings(rows, DEFAULT, LIMITS)}
    assert not found["parity in cells"].broken
    assert found["price parity in cells"].detail.endswith(
        "mean price benefit falls from 0.3750 (returning) to 0.0000 (regular), tolerance 0.0100"
    )


def test_rule_3a_a_price_benefit_admits_every_higher_tier():
    audience = Audience(tiers=("new", "returning"), promotion_sensitivity=("promotion-led",))
    assert "loyal tiers admitted" in broken_rules(catalogue=with_offer("five_back", audience=audience))
    service = Audience(tiers=("new", "returning"))
    assert "loyal tiers admitted" not in broken_rules(catalogue=with_offer("free_delivery", audience=service))


def leaving_alone(name: str):
    groups = tuple(
        group.model_copy(update={"treatment": "leave alone"}) if group.name == name else group for group in RULES.groups
    )
    return RULES.model_copy(update={"groups": groups})


LOYAL_TOP = (PORTRAIT_TABLE["tier"] == "devoted") & (PORTRAIT_TABLE["value_tier"] == "top")
WITH_TOP = PORTRAIT_TABLE.assign(group=PORTRAIT_TABLE["group"].mask(LOYAL_TOP, "top regulars at risk"))


def test_rule_3a_the_loyal_are_not_left_alone_where_others_are_not():
    assert "left alone alike" in broken_rules(portraits=WITH_TOP, rules=leaving_alone("top regulars at risk"))


def test_no_plan_gives_a_newer_customer_what_a_loyal_one_alike_is_not_open_to():
    silent = setting_of(LIMITS, CATALOGUE, rules=leaving_alone("top regulars at risk"))
    made = make_plan(SCORE_TABLE, WITH_TOP, silent)
    assert made.guard["passed"]
    served = set(made.plan.loc[~made.plan["offer"].isin(["none", "put_right"]), "customer_id"])
    scored = set(SCORE_TABLE["customer_id"])
    assert not served & scored & set(WITH_TOP.loc[WITH_TOP["value_tier"] == "top", "customer_id"])


def test_rule_3b_parity_in_cells_and_over_all():
    tier = PLAN_TABLE["customer_id"].map(PORTRAIT_TABLE.set_index("customer_id")["tier"])
    cleared = {
        "offer": "none", "mechanic": "none", "channel": "", "offer_text": "", "arm": "none", "why_none": "Forgotten.",
        "offer_cost": 0.0, "price_benefit": 0.0, "benefit": 0.0, "expected_profit": 0.0,
    }  # fmt: skip
    found = broken_rules(plan=changed(OFFERED & (tier == "devoted"), **cleared))
    assert {"parity in cells", "parity over all"} <= found


def test_rule_3b_over_all_knows_no_tolerance():
    """Two tiers of two customers: worth 0.75 for one newer customer against none is a fall of 0.375."""
    rows = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"], "tier": ["returning", "returning", "regular", "regular"],
            "state": "active", "consented_channels": "", "risk_band": None, "asked_channel": "", "answered_channel": "",
            "offer": ["five_back", "none", "none", "none"], "purpose": "plan",
        }
    )  # fmt: skip
    generous = LIMITS.model_copy(update={"parity_tolerance": 0.5})
    found = {finding.rule: finding for finding in parity_findings(rows, DEFAULT, generous)}
    assert not found["parity in cells"].broken
    assert found["parity over all"].detail == (
        "all customers: mean benefit falls from 0.3750 (returning) to 0.0000 (regular), tolerance 0.0000"
    )
    even = rows.assign(offer=["five_back", "none", "none", "tasting_table"])
    assert not any(finding.broken for finding in parity_findings(even, DEFAULT, generous))
    by_lot = rows.assign(purpose="exploration")
    assert not any(finding.broken for finding in parity_findings(by_lot, DEFAULT, generous))


def test_running_low_is_said_of_what_is_due_alone():
    names = PLAN_TABLE.loc[PLAN_TABLE["offer_text"].str.contains("running low"), "customer_id"]
    due = PORTRAIT_TABLE.loc[PORTRAIT_TABLE["due_product"] == "MILK", "customer_id"]
    assert set(names) <= set(due)
    fitting = fits(DEFAULT.offer("three_for_two"), CUSTOMERS, setting_of())
    assert fitting.any()
    assert (CUSTOMERS.loc[fitting, "due_product"] == "MILK").all()


def test_the_guard_finds_a_message_about_what_the_portrait_does_not_hold():
    naming = [offer.id for offer in CATALOGUE.offers if offer.fields & {"favourite_category", "matched_product"}]
    assert PLAN_TABLE["offer"].isin(naming).any()
    bare = PORTRAIT_TABLE.assign(favourite_category="", matched_product="", due_product="")
    assert broken_rules(portraits=bare) == {"true facts"}


def test_what_has_no_words_fits_no_offer_that_names_it():
    assert (CUSTOMERS["matched_product"] == "").sum() == (PORTRAIT_TABLE["matched_product"] == "OAT MLK").sum()
    fitting = fits(DEFAULT.offer("free_delivery"), CUSTOMERS, setting_of())
    assert fitting.any()
    assert (CUSTOMERS.loc[fitting, "matched_product"] == "MILK").all()
    assert not PLAN_TABLE["offer_text"].str.contains("OAT MLK").any()


def test_low_risk_regulars_get_no_money_letter():
    low = PLAN_TABLE["customer_id"].isin(SCORE_TABLE.loc[SCORE_TABLE["risk_band"] == "low", "customer_id"])
    assert (PLAN_TABLE.loc[low, "price_benefit"] == 0).all()
    assert not any("low" in offer.audience.risk_bands for offer in DEFAULT.offers if offer.gives_price)
    assert "audience" in broken_rules(catalogue=with_offer("five_back", audience=Audience(risk_bands=("low",))))


def test_why_none_names_the_limits_that_bind():
    """No budget, no contacts: nobody can be told that fairness stood in the way."""
    made = make_plan(SCORE_TABLE, PORTRAIT_TABLE, setting_of(LIMITS.model_copy(update={"capacity": 0}), CATALOGUE))
    plan = made.plan
    assert made.weighed.choice.binding[0] == "capacity"
    said = plan.loc[plan["why_none"].str.startswith("Others had more"), "why_none"]
    assert len(said)
    assert said.str.startswith(
        "Others had more to gain within the limits reached this week: the number of contacts"
    ).all()
    assert not said.str.contains("the budget").any()


def test_an_offer_at_a_loss_says_what_it_is_for():
    at_a_loss = OFFERED & (PLAN_TABLE["expected_profit"] <= 0)
    said = PLAN_TABLE["why"].str.contains("so that no tier is worse off than a newer one")
    assert at_a_loss.equals(said)


def test_rule_3c_every_regular_is_told_of_the_newcomers_price():
    assert broken_rules(plan=changed(PLAN_TABLE.index[:30], why="Because.")) == {"newcomers' price"}
    told = PLAN_TABLE["why"].str.contains("2 EUR off a first shop")
    tier = PLAN_TABLE["customer_id"].map(PORTRAIT_TABLE.set_index("customer_id")["tier"])
    assert (told == tier.isin(["regular", "devoted"])).all()


def test_rule_4_the_end_is_announced_and_the_days_stand_in_order():
    assert broken_rules(plan=changed(first(PRICED), valid_until=pd.Timestamp("2018-03-01"))) == {"no cliff"}
    assert broken_rules(plan=changed(first(PRICED), notice_on=pd.NaT)) == {"no cliff"}
    assert broken_rules(plan=changed(first(PRICED), follow_up_on=pd.NaT)) == {"no cliff"}
    assert "days in order" in broken_rules(plan=changed(first(OFFERED), act_by=pd.Timestamp("2017-12-01")))
    assert "days in order" in broken_rules(plan=changed(first(OFFERED), send_on=pd.NaT))


def test_rule_5_everything_is_explained():
    assert "explained" in broken_rules(plan=changed(first(OFFERED), why=""))
    assert "explained" in broken_rules(plan=changed(first(~OFFERED), why_none=""))
    chosen = PLAN_TABLE.loc[BY_RISK, "customer_id"].iloc[0]
    unscored = SCORE_TABLE.assign(reasons=SCORE_TABLE["reasons"].mask(SCORE_TABLE["customer_id"] == chosen, ""))
    assert broken_rules(scores=unscored) == {"explained"}


RESERVE = "exploration's reserve"


def test_limits_are_counted_again():
    assert broken_rules(limits=LIMITS.model_copy(update={"budget": 1.0})) == {"budget", "regulars' share", RESERVE}
    assert broken_rules(limits=LIMITS.model_copy(update={"capacity": 3})) == {"capacity", "regulars' share", RESERVE}
    assert broken_rules(limits=LIMITS.model_copy(update={"regulars_share": 0.95})) == {"regulars' share"}
    letter = next(c for c in CATALOGUE.channels if c.id == "letter").model_copy(update={"capacity": 1})
    channels = tuple(letter if c.id == "letter" else c for c in CATALOGUE.channels)
    assert broken_rules(catalogue=CATALOGUE.model_copy(update={"channels": channels})) == {"channel capacity"}
    used = PLAN_TABLE.loc[OFFERED, "offer"].value_counts().idxmax()
    assert broken_rules(catalogue=with_offer(used, capacity=0)) == {"offer capacity"}
    assert broken_rules(catalogue=with_offer(used, budget=0.0)) == {"offer budget"}


def with_group(name: str, **changes):
    groups = tuple(group.model_copy(update=changes) if group.name == name else group for group in RULES.groups)
    return RULES.model_copy(update={"groups": groups})


def test_group_minimums_and_maximums():
    n = int((PLAN_TABLE.merge(PORTRAIT_TABLE, on="customer_id")["group"] == "regulars at risk")[OFFERED & ~OWED].sum())
    assert n > 0
    assert broken_rules(rules=with_group("regulars at risk", at_most=n - 1)) == {"group maximum"}
    assert broken_rules(rules=with_group("regulars at risk", at_least=n + 1)) == {"group minimum"}
    assert broken_rules(rules=with_group("regulars at risk", at_least=n, at_most=n)) == set()


def test_consent_rest_and_audience():
    emailed = OFFERED & (PLAN_TABLE["channel"] == "email")
    assert emailed.any()
    assert "consent" in broken_rules(portraits=PORTRAIT_TABLE.assign(consented_channels=""))
    rested = PORTRAIT_TABLE.assign(last_contact_on=pd.Timestamp("2017-12-30"))
    assert broken_rules(portraits=rested) == {"rest days"}
    assert "no marketing" in broken_rules(portraits=PORTRAIT_TABLE.assign(no_marketing=True))
    used = PLAN_TABLE.loc[PRICED, "offer"].iloc[0]
    few = Audience(value_tiers=("top",), states=("lapsing",), promotion_sensitivity=("mixed",))
    assert "audience" in broken_rules(catalogue=with_offer(used, audience=few))


def test_labels_payers_and_complaints():
    used = PLAN_TABLE.loc[PRICED, "offer"].iloc[0]
    old = CATALOGUE.offer(used).audience
    only = old.model_copy(update={"labels": ("has a favourite",)})
    assert broken_rules(catalogue=with_offer(used, audience=only)) <= {"labels"}
    none = old.model_copy(update={"without_labels": ("weekend shopper",)})
    # whoever has too few visits to be told a weekend shopper is newer: a price may not leave such labels out
    assert broken_rules(catalogue=with_offer(used, audience=none)) == {"labels", "loyal tiers admitted"}
    by_payer = old.model_copy(update={"payers": ("employer",)})
    assert broken_rules(catalogue=with_offer(used, audience=by_payer)) == {"audience"}
    assert "open complaint" in broken_rules(portraits=PORTRAIT_TABLE.assign(has_open_complaint=True))
    complaining = set(PORTRAIT_TABLE.loc[PORTRAIT_TABLE["has_open_complaint"], "customer_id"])
    served = PLAN_TABLE[OFFERED & PLAN_TABLE["customer_id"].isin(complaining)]
    assert set(served["offer"]) == {"put_right"}
    assert (served["arm"] == "treated").all()


def ledger_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Messages (day, offer, channel) to the first customer with a price benefit."""
    table = pd.DataFrame(rows, columns=["sent_on", "offer", "channel"])
    name = PLAN_TABLE.loc[PRICED, "customer_id"].iloc[0]
    return table.assign(customer_id=name, sent_on=pd.to_datetime(table["sent_on"]).astype("datetime64[us]"))


def test_what_was_sent_before_is_counted_again():
    row = PLAN_TABLE[PRICED].iloc[0]
    assert broken_rules(sent=ledger_of(("2017-10-01", "", "letter"))) == set()
    capped = LIMITS.model_copy(update={"caps": (Cap(contacts=1, days=100),)})
    assert broken_rules(limits=capped, sent=ledger_of(("2017-10-01", "", "letter"))) == {"rolling caps"}
    by_channel = tuple(
        c.model_copy(update={"caps": (Cap(contacts=1, days=100),)}) if c.id == row["channel"] else c
        for c in CATALOGUE.channels
    )
    narrow = CATALOGUE.model_copy(update={"channels": by_channel})
    assert broken_rules(catalogue=narrow, sent=ledger_of(("2017-10-01", "", row["channel"]))) == {"rolling caps"}
    assert broken_rules(catalogue=narrow, sent=ledger_of(("2017-10-01", "", "elsewhere"))) == set()
    again = with_offer(row["offer"], again_after_days=100)
    assert broken_rules(catalogue=again, sent=ledger_of(("2017-10-01", row["offer"], ""))) == {"exclusions"}
    never = with_offer(row["offer"], never_with=("free_delivery",))
    assert broken_rules(catalogue=never, sent=ledger_of(("2017-12-10", "free_delivery", ""))) == {"exclusions"}
    assert broken_rules(catalogue=never, sent=ledger_of(("2017-10-01", "free_delivery", ""))) == set()
    twice = ledger_of(("2017-10-01", "five_back", ""), ("2017-11-15", "tenth_off", ""))
    assert broken_rules(sent=twice) == {"no endless discounts"}
    later = with_offer(row["offer"], days_after={"free_delivery": 10})
    assert broken_rules(catalogue=later) == {"exclusions"}


def test_occasions_quiet_days_and_lengths():
    used = PLAN_TABLE.loc[PRICED, "offer"].iloc[0]
    far = with_offer(used, occasion=Occasion(kind="calendar", days=("06-01",)))
    assert broken_rules(catalogue=far) == {"occasions"}
    assert (PLAN_TABLE["offer"] == "free_delivery").any()
    near = with_offer("free_delivery", occasion=Occasion(kind="first_purchase"))  # first purchases were on 5 January
    assert broken_rules(catalogue=near) == set()
    by_tenure = with_offer(used, occasion=Occasion(kind="first_purchase"))
    assert broken_rules(catalogue=by_tenure) == {"loyal tiers admitted"}
    by_name = {0: "monday", 1: "tuesday", 2: "wednesday", 3: "thursday", 4: "friday", 5: "saturday", 6: "sunday"}
    sent = PLAN_TABLE.loc[PRICED].iloc[0]
    for changes, rule in (
        ({"quiet_days": (by_name[sent["send_on"].weekday()],)}, "quiet days"),
        ({"length": 20}, "message length"),
    ):
        channels = tuple(c.model_copy(update=changes) if c.id == sent["channel"] else c for c in CATALOGUE.channels)
        assert broken_rules(catalogue=CATALOGUE.model_copy(update={"channels": channels})) == {rule}


def test_everyone_has_one_row():
    assert "everyone once" in broken_rules(plan=PLAN_TABLE.iloc[1:])
    assert "everyone once" in broken_rules(plan=pd.concat([PLAN_TABLE, PLAN_TABLE.iloc[:1]], ignore_index=True))


def test_messages_and_offers_are_whole():
    assert "whole message" in broken_rules(plan=changed(first(OFFERED), offer_text="Buy now!"))
    assert "offers of the catalogue" in broken_rules(plan=changed(first(OFFERED), offer="surprise"))


def test_the_control_group_is_what_was_promised():
    assert broken_rules(plan=changed(OFFERED, arm="treated")) == {"control group", "true propensities"}
    assert "control group" in broken_rules(plan=changed(first(~OFFERED), arm="control"))


def test_an_error_names_rules_and_counts_and_no_customer():
    report = verdict(plan=changed(OFFERED, benefit=-1.0))
    with pytest.raises(GuardError, match="only gives") as caught:
        refuse(report, "reports/plan.json")
    text = str(caught.value)
    assert caught.value.exit_code == 7
    assert f"for {OFFERED.sum()} customers" in text
    assert "reports/plan.json" in text
    assert not any(name in text for name in PLAN_TABLE["customer_id"])
    assert len(report["breaches"][0]["first_customers"]) == 10


def test_what_puts_a_complaint_right_is_withheld_by_nothing_but_the_lack_of_a_channel():
    """Left alone, contacted yesterday, no budget, no contact left: it is owed all the same, and is nobody's control."""
    none_left = LIMITS.model_copy(update={"budget": 0.0, "capacity": 0, "caps": (Cap(contacts=1, days=90),)})
    complaining = PORTRAIT_TABLE["has_open_complaint"] & (PORTRAIT_TABLE["state"] != "gone")
    shut = PORTRAIT_TABLE.assign(
        group=PORTRAIT_TABLE["group"].mask(complaining, "undisturbed"), last_contact_on=pd.Timestamp("2017-12-31")
    )
    sent = pd.DataFrame({"customer_id": shut["customer_id"], "sent_on": pd.Timestamp("2017-12-31")})
    made = make_plan(SCORE_TABLE, shut, setting_of(none_left, CATALOGUE, sent=sent))
    refuse(made.guard)
    served = made.plan[made.plan["offer"] != "none"]
    may = complaining & ~shut["no_marketing"]
    assert set(served["customer_id"]) == set(shut.loc[may, "customer_id"])
    assert set(served["offer"]) == {"put_right"}
    assert set(served["arm"]) == {"treated"}


def test_a_row_that_calls_its_mechanic_by_another_name_is_found():
    assert "offers of the catalogue" in broken_rules(plan=changed(first(PRICED), mechanic="service_recovery"))


@pytest.mark.parametrize(("days_ahead", "is_near"), [(-1, False), (0, True), (3, True), (4, False)])
def test_an_occasion_is_near_from_the_first_send_day_to_its_last_day(days_ahead: int, *, is_near: bool):
    sent = PLAN_TABLE.loc[PRICED].iloc[0]
    day = pd.Timestamp(setting_of(LIMITS, CATALOGUE).send_on) + pd.Timedelta(days=days_ahead)
    calendar = Occasion(kind="calendar", days=(f"{day:%m-%d}",), within_days=3)
    found = broken_rules(catalogue=with_offer(sent["offer"], occasion=calendar))
    assert found == (set() if is_near else {"occasions"})


@pytest.mark.parametrize(
    ("kind", "column", "years", "days_ahead", "is_near"),
    [
        ("first_purchase", "first_purchase_on", 1, 0, True),
        ("first_purchase", "first_purchase_on", 1, 7, True),
        ("first_purchase", "first_purchase_on", 1, 8, False),
        ("first_purchase", "first_purchase_on", 1, -1, False),
        ("first_purchase", "first_purchase_on", 0, 0, False),  # the day itself is no anniversary
        ("joining", "joined_on", 2, 0, True),
        ("joining", "joined_on", None, 0, False),  # nobody knows when they joined
        ("joining", "first_purchase_on", 1, 0, False),  # the other day does not count
    ],
)
def test_an_anniversary_is_a_whole_number_of_years_after_the_customer_s_own_day(
    kind: str, column: str, years: int | None, days_ahead: int, *, is_near: bool
):
    first_day = pd.Timestamp(setting_of(LIMITS, CATALOGUE).send_on) + pd.Timedelta(days=days_ahead)
    own = {"first_purchase_on": pd.Timestamp("2010-08-01"), "joined_on": pd.Timestamp("2010-08-01")}
    own[column] = pd.NaT if years is None else first_day - pd.DateOffset(years=years)
    rows = contact_rows(**own)
    (finding,) = [
        found
        for found in contact_findings(
            rows, setting_of(LIMITS, with_offer("free_delivery", occasion=Occasion(kind=kind)))
        )
        if found.rule == "occasions"
    ]
    assert finding.broken is not is_near


def contact_rows(**columns) -> pd.DataFrame:
    """One row of the plan with free delivery."""
    row = PLAN_TABLE[PLAN_TABLE["offer"] == "free_delivery"].head(1)
    beside = PORTRAIT_TABLE[["customer_id", "last_contact_on"]]
    return row.merge(beside, on="customer_id").assign(**columns)


def test_the_days_of_an_offer_may_be_one_day():
    one = first(OFFERED & ~PRICED)
    day = PLAN_TABLE.loc[one, "send_on"].item()
    assert broken_rules(plan=changed(one, act_by=day, valid_until=day)) == set()


def test_a_message_that_says_no_end_is_a_cliff():
    end = day_text(PLAN_TABLE.loc[first(PRICED), "valid_until"]).item()
    text = PLAN_TABLE.loc[first(PRICED), "offer_text"].item()
    assert end in text
    assert broken_rules(plan=changed(first(PRICED), offer_text=text.replace(end, "soon"))) == {"no cliff"}


def test_a_draw_by_lot_has_one_chance_in_as_many_options_as_are_logged():
    plan = changed(
        first(OFFERED & (PLAN_TABLE["purpose"] == "plan") & (PLAN_TABLE["arm"] == "treated")), purpose="exploration"
    )
    drawn = plan["purpose"].eq("exploration") & PLAN_TABLE["purpose"].ne("exploration")
    offer = plan.loc[drawn, "offer"].item()
    for options, propensity, is_true in (
        (f"{offer}; none", 0.5, True),
        (f"{offer}; none; thank_you", 1 / 3, True),
        (f"{offer}; none", 1 / 3, False),
        ("none; thank_you", 0.5, False),
    ):
        rules = broken_rules(plan=plan.assign(**of_rows(plan, drawn, options=options, propensity=propensity)))
        assert ("true propensities" not in rules) is is_true, (options, propensity)


def of_rows(plan: pd.DataFrame, where: pd.Series, **values) -> dict[str, pd.Series]:
    return {name: plan[name].mask(where, value) for name, value in values.items()}
