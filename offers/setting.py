"""What a week is planned under: the shop's files and parameters, the day, and what was sent before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import pandas as pd

from contracts.params import Plan
from contracts.portrait_rules import PortraitRules
from contracts.wave_tables import WAVES
from contracts.words import Words
from offers.catalogue import Catalogue
from offers.contacts import no_contacts
from offers.timing import send_day
from offers.waves import running, treated_still


@dataclass(frozen=True)
class Setting:
    """One week's setting. `sent` is the contact ledger before the cutoff (`offers.contacts.ledger`).

    `waves` are the experiments of earlier weeks (WAVES), `learned` what they taught (BELIEFS); None: the priors alone.
    """

    catalogue: Catalogue
    rules: PortraitRules
    limits: Plan
    words: Words
    cutoff: date
    currency: str
    seed: int
    value_horizon_days: int
    sent: pd.DataFrame = field(default_factory=no_contacts, repr=False)
    waves: pd.DataFrame = field(default_factory=WAVES.empty, repr=False)
    learned: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def send_on(self) -> date:
        """The first day on which something may be sent."""
        return send_day(self.cutoff, self.limits.send_after_days)

    @cached_property
    def running(self) -> pd.Series:
        """Until when each control of a running experiment stays one, by customer id."""
        return running(self.waves, self.cutoff)

    @cached_property
    def followed(self) -> frozenset[str]:
        """Whom a running wave treats, by customer id."""
        return treated_still(self.waves, self.cutoff)

    @property
    def left_alone(self) -> list[str]:
        """Names of the groups that are deliberately not contacted."""
        return [group.name for group in self.rules.groups if group.is_left_alone]
