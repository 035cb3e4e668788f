"""A shop's desk in a replay: its files, its terms as parameters, and the setting of a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pandas as pd

from contracts.params import Params, load_params
from contracts.portrait_rules import PortraitRules, load_portrait_rules
from contracts.words import Words, load_words
from offers.catalogue import Catalogue
from offers.catalogue_file import load_sound_catalogue
from offers.contacts import ledger
from offers.setting import Setting
from offers.waves import own_sends
from simulation.living.presets import Preset

CONTROL_SHARE = 0.1
BUSIEST = 0.5
"""The portraits' tiers: a devoted customer bought on so many days of a history of a year, at the usual gap."""


@dataclass(frozen=True)
class Desk:
    """One preset's files and parameters."""

    preset: Preset
    params: Params
    seed: int

    @cached_property
    def rules(self) -> PortraitRules:
        """Groups and labels."""
        return load_portrait_rules(self.preset.folder / "portraits.yaml", self.params.plan.forbidden_attributes)

    @cached_property
    def words(self) -> Words:
        """Names in plain words."""
        return load_words(self.preset.folder / "words.yaml")

    @cached_property
    def catalogue(self) -> Catalogue:
        """The offers, checked."""
        return load_sound_catalogue(self.preset.folder / "offers.yaml", self.params, self.rules, self.words)

    @property
    def groups(self) -> list[str]:
        """Names of the treatment groups."""
        return [group.name for group in self.rules.groups]

    def setting(
        self, monday: date, contacts: pd.DataFrame, waves: pd.DataFrame, learned: pd.DataFrame | None
    ) -> Setting:
        """The setting of a week; `contacts` and `waves` are those before it."""
        recorded = ledger(contacts)
        sent = ledger(pd.concat([recorded, own_sends(waves, recorded, monday)], ignore_index=True))
        return Setting(
            self.catalogue,
            self.rules,
            self.params.plan,
            self.words,
            monday,
            self.params.store.currency,
            self.seed,
            self.params.task.value_horizon_days,
            sent,
            waves,
            learned,
        )


def desk_of(preset: Preset, seed: int, params_file: Path) -> Desk:
    """The desk of a preset: the project's parameters with the shop's own terms in their places."""
    base, nature = load_params(params_file), preset.nature
    store = base.store.model_copy(
        update={"time_zone": nature.time_zone, "currency": nature.currency, "margin_rate": nature.margin_rate}
    )
    task = base.task.model_copy(
        update={
            "horizon_days": preset.horizon_days,
            "value_horizon_days": preset.value_horizon_days,
            "min_purchase_days": preset.min_purchase_days,
            "active_days": preset.active_days,
        }
    )
    plan = base.plan.model_copy(
        update={
            "budget": preset.budget,
            "capacity": preset.capacity,
            "rest_days": preset.rest_days,
            "caps": (),
            "control_share": CONTROL_SHARE,
            "send_within_days": 0,
            "newcomer_price": None,
        }
    )
    days = max(base.portray.regular_days + 1, round(365 / nature.mean_gap_days * BUSIEST))
    portray = base.portray.model_copy(update={"devoted_days": days})
    changed = {"store": store, "task": task, "plan": plan, "portray": portray}
    return Desk(preset, base.model_copy(update=changed), seed)
