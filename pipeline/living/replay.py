"""A living store replayed week by week under a policy, with the product's own code and nothing a shop would not see.

Each Monday: what was bought and answered is read, waves that have matured teach, risk is scored (and fitted anew every
13 weeks), portraits are drawn, the policy decides, and the store lives on. All policies begin from the same burn-in, on
the same luck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from contracts.params import Params
from contracts.tables import FEATURE_KEYS
from contracts.wave_tables import BELIEFS, FOLLOW_UP, WAVE_OUTCOMES, WAVES
from events.store import Events
from features.follow_ups import with_follow_ups
from features.wave_outcomes import Seen, matured, outcomes
from offers.economics import at_worst
from offers.effects.pooling import learn
from offers.waves import wave_rows
from pipeline.collecting import costs_if_redeemed, owed_offers, with_interactions
from pipeline.living.desk import Desk
from pipeline.living.policies import Monday, Policy
from pipeline.living.risk import FEATURES, Models, fit_models, scored
from pipeline.living.view import View, feature_rows, judged
from portraits.brief import brief_portraits
from simulation.living.store import LivingStore
from simulation.living.truth import expected

REFIT_WEEKS = 13
Say = Callable[[str], None]


@dataclass
class Record:
    """What a policy did in a replay, week by week; amounts in the store's currency.

    `weeks` has one row a week: `week`, `monday`, `margin`, `benefit_cost`, `contact_cost`, `profit` (margin less
    both), `n_sent`, `n_control`, `n_eligible`; of what was sent `true_profit` (expected), `worthwhile_share` (truly
    expected to pay), `price_of_experiments` (stated, at worst), `contacts_8w` (mean messages in eight weeks to those
    written to) and `n_unsubscribed`. `offers` has one row a week and offer: `n` sent, mean effect `believed` and
    `true`. `beliefs` has one row a quarter, offer and group.
    """

    policy: str
    weeks: pd.DataFrame
    beliefs: pd.DataFrame
    offers: pd.DataFrame = field(repr=False)
    waves: pd.DataFrame = field(repr=False)
    outcomes: pd.DataFrame = field(repr=False)


def burnt_in(desk: Desk, seed: int) -> View:
    """The store's history before the first plan, without any message."""
    view = View(LivingStore(desk.preset.nature, seed))
    for _ in range(desk.preset.nature.burn_in_weeks):
        view.add(view.store.step())
    return view


def replay_policy(desk: Desk, begun: View, policy: Policy, n_weeks: int, say: Say | None = None) -> Record:
    """Replay `n_weeks` from a burnt-in store, which is left as it is."""
    run = _Run(desk, begun.copy(), policy)
    for nth in range(n_weeks):
        run.week(nth)
        if say is not None:
            say(f"{policy.says}: week {nth + 1} of {n_weeks}")
    return run.record()


@dataclass
class _Run:
    """One replay as it goes."""

    desk: Desk
    view: View
    policy: Policy
    models: Models | None = None
    waves: list[pd.DataFrame] = field(default_factory=list)
    read: list[pd.DataFrame] = field(default_factory=list)
    learned: pd.DataFrame | None = None
    told: list[dict[str, object]] = field(default_factory=list)
    beliefs: list[pd.DataFrame] = field(default_factory=list)
    offers: list[pd.DataFrame] = field(default_factory=list)
    recent: list[pd.Series] = field(default_factory=list)
    pending: pd.DataFrame = field(default_factory=WAVES.empty)

    def week(self, nth: int) -> None:
        """Decide on a Monday, send, and live seven days."""
        if self.policy.name == "nobody":
            return self._live(nth, None, 0)
        monday, events = self.view.store.today, self.view.events()
        rows = judged(events, [monday], self.desk.params.task)
        self._learn(nth, monday, events)
        scores = self._scores(nth, monday, events, rows)
        if scores is None:
            return self._live(nth, None, len(rows))
        params = self.desk.params
        portraits = brief_portraits(
            self.view.known(events),
            scores,
            cutoff=monday,
            store=params.store,
            active_days=params.task.active_days,
            limits=params.portray,
            rules=self.desk.rules,
        )
        earlier = pd.concat(self.waves, ignore_index=True) if self.waves else WAVES.empty()
        setting = self.desk.setting(monday, events.contacts, earlier, self.learned)
        setting = replace(setting, limits=self.policy.limits_of(setting.limits))
        horizons = params.task.horizon_days, params.task.value_horizon_days
        drawn = self.policy.choose(Monday(scores, portraits, setting, *horizons, self.view.store))
        if self.policy.has_controls and len(drawn):
            days = pd.Series(params.task.horizon_days, index=portraits["customer_id"].to_numpy())
            wave = WAVES.typed(wave_rows(drawn, portraits, scores, self.desk.catalogue, days))
            self.waves.append(wave)
            self.pending = pd.concat([self.pending, wave[wave["purpose"] != FOLLOW_UP]], ignore_index=True)
        return self._live(nth, drawn, len(rows))

    def _live(self, nth: int, drawn: pd.DataFrame | None, n_eligible: int) -> None:
        store = self.view.store
        sends = None if drawn is None else sends_of(drawn, self.desk)
        truth = self._truth(nth, drawn, sends)
        lived = store.step(sends)
        self.view.add(lived)
        money = lived.money[["margin", "benefit_cost", "contact_cost"]].sum()
        self.told.append(
            {
                "week": nth + 1,
                "monday": lived.monday,
                **{str(name): float(value) for name, value in money.items()},
                "profit": float(money["margin"] - money["benefit_cost"] - money["contact_cost"]),
                "n_sent": 0 if sends is None else len(sends),
                "n_control": 0 if drawn is None else int((drawn["arm"] == "control").sum()),
                **truth,
                "price_of_experiments": price_of_experiments(drawn, self.desk.params),
                "n_eligible": n_eligible,
                "n_unsubscribed": int((lived.responses["kind"] == "unsubscribed").sum()),
                "contacts_8w": self._fatigue(sends),
            }
        )

    def _fatigue(self, sends: pd.DataFrame | None) -> float:
        """Mean messages of the last eight weeks, this one's among them, to whoever is written to."""
        if sends is None or not len(sends):
            return float("nan")
        self.recent = [*self.recent[-7:], sends["customer_id"]]
        counts = pd.concat(self.recent).value_counts()
        return float(counts.reindex(sends["customer_id"].unique()).mean())

    def _truth(self, nth: int, drawn: pd.DataFrame | None, sends: pd.DataFrame | None) -> dict[str, float]:
        """What the week's messages truly bring in expectation, in all and by offer; share of them worth sending."""
        if drawn is None or sends is None or not len(sends):
            return {"true_profit": 0.0, "worthwhile_share": np.nan}
        task = self.desk.params.task
        known = expected(self.view.store, sends, task.horizon_days, task.value_horizon_days)
        treated = drawn[(drawn["arm"] == "treated") & (drawn["offer"] != "none")]
        believed = treated["effect"].to_numpy(dtype=float) if "effect" in treated.columns else np.nan
        told = pd.DataFrame({"offer": sends["offer"], "believed": believed, "true": known["effect"].to_numpy()})
        found = told.groupby("offer").agg(n=("true", "size"), believed=("believed", "mean"), true=("true", "mean"))
        self.offers.append(found.reset_index().assign(week=nth + 1))
        return {
            "true_profit": float(known["profit"].sum()),
            "worthwhile_share": float((known["profit"] > 0).mean()),
        }

    def _learn(self, nth: int, monday: date, events: Events) -> None:
        """Read what has matured since the last Monday, and learn."""
        if not self.policy.learns:
            return
        ended = matured(self.pending, monday, 0)
        if len(ended):
            seen = Seen(events.purchases, events.contacts, events.responses, events.time_zone).before(monday)
            found = outcomes(
                ended,
                seen,
                self.desk.params.store.margin_rate,
                costs_if_redeemed(self.desk.catalogue),
                owed_offers(self.desk.catalogue),
            )
            found = with_follow_ups(found, pd.concat(self.waves, ignore_index=True))
            self.read.append(WAVE_OUTCOMES.typed(with_interactions(found, events, seen)))
            is_over = self.pending["wave"].isin(ended["wave"].unique())
            self.pending = self.pending[~is_over].reset_index(drop=True)
        if len(ended) or self.learned is None:
            known = pd.concat(self.read, ignore_index=True) if self.read else WAVE_OUTCOMES.empty()
            self.learned = learn(self.desk.catalogue, self.desk.groups, known, self.desk.params.collect, monday)
        if nth % REFIT_WEEKS == 0:
            self.beliefs.append(BELIEFS(self.learned).assign(week=nth + 1))

    def _scores(self, nth: int, monday: date, events: Events, rows: pd.DataFrame) -> pd.DataFrame | None:
        """The week's scores, by the model where the policy needs one; None while nothing can be fitted."""
        if not len(rows):
            return None
        if not self.policy.needs_model:
            return self._known_scores(rows)
        if self.models is None or nth % REFIT_WEEKS == 0:
            self.models = self._fit(monday, events) or self.models
        if self.models is None:
            return None
        frame = feature_rows(events, rows, FEATURES, self.desk.params.task.horizon_days)
        return scored(frame, self.models, self.desk.params)

    def _fit(self, monday: date, events: Events) -> Models | None:
        params = self.desk.params
        return fit_models(
            events,
            monday,
            params.task,
            params.train,
            params.execution,
            pd.concat(self.waves, ignore_index=True) if self.waves else WAVES.empty(),
        )

    def _known_scores(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Scores by the truth: for the oracle; the other policies that need no model look at none of them."""
        params, channel = self.desk.params, self.desk.catalogue.channels[0].id
        pairs = rows[["customer_id"]].assign(
            mechanic="recognition", channel=channel, price_worth=0.0, other_worth=0.0, cost=0.0, contact_cost=0.0
        )
        known = expected(self.view.store, pairs, params.task.horizon_days, params.task.value_horizon_days)
        p_lapse = known["p_lapse"].clip(0, 1).to_numpy()
        stake = known["stake"].clip(lower=0).to_numpy()
        bands = np.array(["low", "medium", "high"])
        return rows[list(FEATURE_KEYS)].assign(
            p_lapse=p_lapse,
            risk_band=bands[np.searchsorted(params.score.risk_band_edges, p_lapse, side="right")],
            value_at_stake=stake,
            value_at_stake_low=stake,
            value_at_stake_high=stake,
            reasons="known",
            model_version="",
        )

    def record(self) -> Record:
        """What happened."""
        return Record(
            self.policy.name,
            pd.DataFrame(self.told),
            pd.concat(self.beliefs, ignore_index=True) if self.beliefs else BELIEFS.empty(),
            pd.concat(self.offers, ignore_index=True) if self.offers else pd.DataFrame(),
            pd.concat(self.waves, ignore_index=True) if self.waves else WAVES.empty(),
            pd.concat(self.read, ignore_index=True) if self.read else WAVE_OUTCOMES.empty(),
        )


def price_of_experiments(drawn: pd.DataFrame | None, params: Params) -> float:
    """What the week's treated could lose at worst, as the plan's page states it, currency; 0 for other policies."""
    if drawn is None or "harm_high" not in drawn.columns:
        return 0.0
    treated = drawn[drawn["arm"] == "treated"]
    return at_worst(treated, params.plan.harm_at_worst, params.task.value_horizon_days)


def sends_of(drawn: pd.DataFrame, desk: Desk) -> pd.DataFrame:
    """The messages to the treated as the store takes them."""
    treated = drawn[(drawn["arm"] == "treated") & (drawn["offer"] != "none")]
    offers = {offer.id: offer for offer in desk.catalogue.offers}
    channels = {channel.id: channel.cost for channel in desk.catalogue.channels}
    listed = [offers[name] for name in treated["offer"]]
    return pd.DataFrame(
        {
            **{
                name: treated[name].to_numpy()
                for name in ("customer_id", "send_on", "valid_until", "offer", "mechanic")
            },
            "channel": treated["channel"].to_numpy(),
            "price_worth": [sum(part.price_worth for part in offer.components) for offer in listed],
            "other_worth": [sum(part.other_worth for part in offer.components) for offer in listed],
            "cost": [sum(part.cost for part in offer.components) for offer in listed],
            "contact_cost": treated["channel"].map(channels).to_numpy(dtype=float),
        }
    )
