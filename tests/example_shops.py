"""The two example shops, brought in as `regulars init` and the stages would, in one process."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.params import Params, load_params
from contracts.portrait_rules import PortraitRules, load_portrait_rules
from contracts.tables import SCORES
from contracts.windows import days_until, monday_at_or_before
from contracts.words import Words, load_words
from events.building import build_store
from events.open_source import open_source
from events.recipe import recipe
from events.sources import Source
from events.store import open_store
from events.tombstones import Tombstones
from offers.catalogue_file import load_sound_catalogue
from offers.plan import Made, make_plan
from offers.setting import Setting
from pipeline.commands.onboarding import Wishes, changed, look_at_files, merged
from pipeline.portraying import known_in
from portraits.known import Known
from portraits.portrait import portray
from simulation.cases.case import Case, write_case

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TODAY = date(2024, 1, 8)
WISHES = Wishes(time_zone="Europe/Berlin", currency="EUR")
SET_BY_HAND = re.compile(r"^\| `(\w+)\.(\w+)` \| ([\d.]+) \| (before|after) `init` \|", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A shop after its ingest, with its own files: all that a week's portraits and plan are made of."""

    params: Params
    has_model: bool
    source: Source
    known: Known
    cutoff: date
    rules: PortraitRules
    words: Words
    files: Path

    def with_files(self, files: Path) -> Example:
        """The same shop and data with other files: labels, groups, offers."""
        rules = load_portrait_rules(files / "portraits.yaml", self.params.plan.forbidden_attributes)
        return replace(self, rules=rules, words=load_words(files / "words.yaml"), files=files)

    def portraits(self, scores: pd.DataFrame | None = None) -> pd.DataFrame:
        """PORTRAITS of everyone who ever bought."""
        return portray(
            self.known,
            SCORES.empty() if scores is None else scores,
            cutoff=self.cutoff,
            store=self.params.store,
            active_days=self.params.task.active_days,
            limits=self.params.portray,
            words=self.words,
            rules=self.rules,
        )

    def setting(self, **limits: object) -> Setting:
        """The week's setting, some limits changed."""
        return Setting(
            load_sound_catalogue(self.files / "offers.yaml", self.params, self.rules, self.words),
            self.rules,
            self.params.plan.model_copy(update=limits),
            self.words,
            self.cutoff,
            self.params.store.currency,
            seed=1,
            value_horizon_days=self.params.task.value_horizon_days,
        )


@dataclass(frozen=True)
class Planned:
    """A week's tables: `rows` is the plan with each customer's portrait beside it."""

    scores: pd.DataFrame
    portraits: pd.DataFrame
    made: Made

    @property
    def rows(self) -> pd.DataFrame:
        return self.made.plan.merge(self.portraits.drop(columns="cutoff_on"), on="customer_id")


def set_by_hand(name: str, when: str) -> dict[str, dict[str, Any]]:
    """Parameters that an example's README asks to set 'before' or 'after' `init`, as sections of params.yaml."""
    found: dict[str, dict[str, Any]] = {}
    for section, key, value, moment in SET_BY_HAND.findall((EXAMPLES / name / "README.md").read_text(encoding="utf-8")):
        if moment == when:
            found.setdefault(section, {})[key] = float(value) if "." in value else int(value)
    return found


def commands(name: str) -> list[list[str]]:
    """The commands of an example's README, each as words, without comments."""
    block = (EXAMPLES / name / "README.md").read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0]
    return [shlex.split(line, comments=True) for line in block.splitlines()]


def brought_in(name: str, case: Case, folder: Path) -> Example:
    """Write a case's files, take the parameters that `init` proposes for them, and build the event store."""
    files = EXAMPLES / name
    write_case(case, folder / name)
    base = changed(load_params(ROOT / "params.yaml"), {**set_by_hand(name, "before"), "ingest": {"n_buckets": 1}})
    look = look_at_files([folder / name], base, WISHES, TODAY, lambda _: None)
    params = changed(base, merged(look.changes, set_by_hand(name, "after")))
    source = open_source(params)
    facts = build_store(source, folder / "events", recipe(params, source, Tombstones(), TODAY))
    shelf = open_store(folder / "events")
    return Example(
        params,
        look.has_model,
        source,
        known_in(shelf, tuple(range(shelf.n_buckets))),
        monday_at_or_before(date.fromisoformat(facts["data_end_on"])),
        load_portrait_rules(files / "portraits.yaml", params.plan.forbidden_attributes),
        load_words(files / "words.yaml"),
        files,
    )


def silence_scores(shop: Example) -> pd.DataFrame:
    """SCORES that rise with the silence over the usual gap: enough to plan by, where no model is the matter.

    Stake: the half-year's spend at the shop's margin. Only whoever is not gone is scored, as in a real week.
    """
    who = shop.portraits()
    who = who[who["state"] != "gone"].reset_index(drop=True)
    gap = who["usual_gap_days"].fillna(who["usual_gap_days"].median())
    p_lapse = 1 - np.exp(-0.15 * days_until(who["last_purchase_on"], shop.cutoff) / gap)
    stake = who["spend"] * shop.params.store.margin_rate
    edges = shop.params.score.risk_band_edges
    table = pd.DataFrame(
        {
            "customer_id": who["customer_id"],
            "cutoff_on": pd.Timestamp(shop.cutoff),
            "p_lapse": p_lapse,
            "p_lapse_week_before": np.nan,
            "change": "new",
            "risk_band": np.array(["low", "medium", "high"])[np.digitize(p_lapse, edges)],
            "value_at_stake": stake,
            "value_at_stake_low": stake / 2,
            "value_at_stake_high": stake * 2,
            "expected_loss": p_lapse * stake,
            "reasons": "silent for longer than usual",
            "model_version": "0" * 12,
            "model_grade": "model",
        }
    )
    return SCORES(table)


def without_a_model(scores: pd.DataFrame) -> pd.DataFrame:
    """The same week where rules stand in for a model: bands, and no probability."""
    blank = dict.fromkeys(("p_lapse", "expected_loss"), np.nan)
    return SCORES(scores.assign(**blank, model_version="", model_grade="none"))


def planned(shop: Example, scores: pd.DataFrame, **limits: object) -> Planned:
    """The week's portraits and plan."""
    portraits = shop.portraits(scores)
    return Planned(scores, portraits, make_plan(scores, portraits, shop.setting(**limits)))
