"""A proposal of how a shop's files are written: what was found, and what is left open."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.params import Format, checked


@dataclass(frozen=True)
class Question:
    """Something that the files leave open: what, the answer assumed, and the parameter that says otherwise."""

    what: str
    assumed: str
    where: str


@dataclass
class Proposal:
    """How the files are written, in sentences with numbers (`found`), and what is left open (`questions`)."""

    columns: dict[str, str] = field(default_factory=dict)
    date_order: str = "ymd"
    decimal: str = "."
    thousands: str = ""
    amounts_in: str = "units"
    cancelled_order_prefix: str = ""
    keep_rows: dict[str, list[str]] = field(default_factory=dict)
    non_goods: list[str] = field(default_factory=list)
    currency: str | None = None
    time_zone: str | None = None
    found: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def format(self) -> Format:
        """As parameters."""
        return checked(
            Format,
            {
                "columns": self.columns,
                "date_order": self.date_order,
                "decimal": self.decimal,
                "thousands": self.thousands,
                "amounts_in": self.amounts_in,
                "cancelled_order_prefix": self.cancelled_order_prefix,
                "keep_rows": self.keep_rows,
            },
            "ingest.format",
        )
