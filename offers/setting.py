"""What a week is planned under: the shop's files and parameters, the day, and what was sent before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from contracts.params import Plan
from contracts.portrait_rules import PortraitRules
from contracts.words import Words
from offers.catalogue import Catalogue
from offers.contacts import no_contacts
from offers.timing import send_day


@dataclass(frozen=True)
class Setting:
    """One week's setting. `sent` is the contact ledger before the cutoff (`offers.contacts.ledger`)."""

    catalogue: Catalogue
    rules: PortraitRules
    limits: Plan
    words: Words
    cutoff: date
    currency: str
    seed: int
    sent: pd.DataFrame = field(default_factory=no_contacts, repr=False)

    @property
    def send_on(self) -> date:
        """The first day on which something may be sent."""
        return send_day(self.cutoff, self.limits.send_after_days)

    @property
    def left_alone(self) -> list[str]:
        """Names of the groups that are deliberately not contacted."""
        return [group.name for group in self.rules.groups if group.is_left_alone]
