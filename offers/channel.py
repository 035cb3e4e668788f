"""A way to reach a customer, as a record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.params.acting import Cap
from contracts.params.base import Money, Section, Share
from offers.audience import LIVING, State

Identifier = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Channel(Section):
    """A way to reach a customer."""

    id: Identifier
    name: str
    cost: Money = Field(description="of one contact, store currency")
    capacity: Annotated[int, Field(ge=0)] = Field(description="contacts a week at most")
    needs_consent: bool
    states: tuple[State, ...] = Field(default=LIVING, min_length=1, description="whom the channel reaches at all")
    reach: Share = Field(description="share of would-be lapsers whom it reaches in time")
    permission_loss: Share = Field(description="probability that one contact costs the permission")
    permission_worth: Money = Field(description="worth of later contacts on this channel, store currency")
    length: Annotated[int, Field(ge=20)] | None = Field(default=None, description="characters of a message at most")
    quiet_days: tuple[Weekday, ...] = Field(default=(), max_length=6, description="days on which nothing is sent")
    quiet_from: Clock | None = Field(default=None, description="local time from which nothing is sent")
    quiet_until: Clock | None = Field(default=None, description="local time until which nothing is sent")
    caps: tuple[Cap, ...] = Field(default=(), description="rolling caps on contacts with one customer by this channel")
    stop_text: Annotated[str, Field(min_length=10, description="how to stop, said in every message")]

    @property
    def hours(self) -> str:
        """When messages may leave, in words; '' if at any hour."""
        return f"{self.quiet_until} to {self.quiet_from}" if self.quiet_from and self.quiet_until else ""
