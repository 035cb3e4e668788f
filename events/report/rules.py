"""Findings that the manifest gives: what the rules rejected and mended, what files brought, what is not recorded."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.event_tables import SIDE_TABLES
from events.cleaning import BY_CODE
from events.report.findings import Finding, counted, examples, percent
from events.report.look import Look
from events.report.money import UNITS

HIGH_SHARE = 0.05
MANY_UNMATCHED = 0.001
HARMLESS = frozenset({"duplicate", "filtered", "no_customer", "not_goods", "excluded_account", "undone_same_day"})
"""Rules that say nothing about the quality of the data."""

COSTS = {
    "order_id": "baskets (all lines of a customer's day count as one order)",
    "hour": "habits by hour of the day",
    "product_id": "price gaps for the same product, favourites, categories, and what goes with what is due",
    "product_name": "the products' names in messages",
    "category": "favourite categories and category offers",
    "store_id": "comparison of prices within a store, and habits by store",
    "channel": "habits by channel of purchase",
    "quantity": "unit prices (amounts a line are compared instead) and undoing by quantity",
    "discount": "price sensitivity and promotion labels",
    "coupon_discount": "what coupons gave, apart from loyalty prices",
    "payer": "offers that follow the payer (private person, employer, gift)",
    "invoice_requested": "telling purchases on expenses from private ones",
    "payer_recognised": "the share of payers who were recognised as members at payment",
    "units": "rules by units of service, as nights of a stay",
    "promotion_id": "which purchases came under a promotion of the shop",
    "products": "departments, categories and own brands",
    "customers": "how members joined, people with two ids, and refusals of marketing or profiling",
    "consents": "channels that need consent (SMS, e-mail, push): none of them may be used",
    "campaigns": "which campaigns ran when",
    "contacts": "effects of offers, rest between contacts, and caps",
    "coupons": "which products a coupon was good for",
    "responses": "opens, clicks, redemptions, complaints: how customers answer",
    "interactions": "forced, induced and sticky interaction, visits, referrals",
    "promotions": "the shop's own promotion calendar (occasions and benefits that end)",
}
"""What is not recorded costs these abilities of the product."""
TABLES = frozenset(SIDE_TABLES)


def rule_findings(look: Look) -> Iterator[Finding]:
    """Every reject rule that a line broke, and every repair."""
    lines_in = max(look.facts["lines_in"], 1)
    by_rule = look.beside.first_rejected
    for code, n in sorted(look.facts["rejected_by_rule"].items(), key=lambda item: -item[1]):
        share = n / lines_in
        said = f"{counted(n, 'line')} of {lines_in:,} ({percent(share)}) rejected: {BY_CODE[code].sentence}."
        yield Finding(
            "warning" if share >= HIGH_SHARE and code not in HARMLESS else "note",
            said,
            f"rule {code}",
            n,
            "lines",
            _sentence(BY_CODE[code].remedy),
            share,
            examples(by_rule[code]) if code in by_rule else (),
        )
    for code, n in sorted(look.facts["repaired_by_code"].items(), key=lambda item: -item[1]):
        said = f"{counted(n, 'line')} of {lines_in:,} ({percent(n / lines_in)}) mended: {BY_CODE[code].sentence}."
        yield Finding("note", said, f"repair {code}", n, "lines", _sentence(BY_CODE[code].remedy), n / lines_in)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def file_findings(look: Look) -> Iterator[Finding]:
    """Files given twice, and files that gave no line that counts."""
    parts = look.facts["parts"]
    twice = [part["name"] for part in parts if "same_as" in part]
    if twice:
        said = f"{counted(len(twice), 'file equals', 'files equal')} another and counted once: {_listed(twice)}."
        yield Finding("note", said, "files", len(twice), "files", "Nothing; or take the copy away.")
    counting = look.sources | look.beside.sources
    idle = [part["name"] for part in parts if "same_as" not in part and part["source"] not in counting]
    if idle:
        said = f"{counted(len(idle), 'file')} gave no line that counts: {_listed(idle)}."
        remedy = (
            "Look at the findings by rule; if the file has another layout, give it a project or a format of its own."
        )
        yield Finding("warning", said, "files", len(idle), "files", remedy, len(idle) / len(parts))


def _listed(names: list[str], at_most: int = 5) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def absences(look: Look) -> list[dict[str, str]]:
    """What the shop does not record: `name`, whether 'column' or 'table', and what that `costs`."""
    return [
        {"name": name, "kind": "table" if name in TABLES else "column", "costs": costs}
        for name, costs in COSTS.items()
        if name in look.absent
    ]


def absence_findings(look: Look) -> Iterator[Finding]:
    """One finding for absent columns, one for absent tables."""
    for kind, where in (("column", "purchases"), ("table", "store")):
        names = [row["name"] for row in absences(look) if row["kind"] == kind]
        if names:
            said = f"{counted(len(names), kind)} not recorded: {', '.join(names)}."
            remedy = "See below what each costs; map or add it in params.yaml (ingest) if the shop has it."
            yield Finding("note", said, where, len(names), f"{kind}s", remedy)


def undoing_findings(look: Look) -> Iterator[Finding]:
    """Cancellations and returns: whether their purchase was found, and those of the same day."""
    counts = undoings(look)
    if counts["matched_lines"] + counts["unmatched_lines"] == 0:
        return
    n = counts["unmatched_lines"]
    said = (
        f"{counted(counts['matched_lines'], 'line')} of a later day undo a purchase that was found, {n:,} undo none "
        f"that was found; {counted(counts['same_day_lines'], 'line')} (purchases and undoings) of one day do not count."
    )
    remedy = "Unmatched ones: their purchase lies before the data begins, or customer, product or quantity differ."
    share = n / (n + counts["matched_lines"])
    yield Finding(
        "warning" if share > 0.5 and n >= MANY_UNMATCHED * look.facts["lines_in"] else "note",
        said,
        "returns",
        n,
        "unmatched lines",
        remedy,
        share,
        examples(look.beside.first_unmatched),
    )


def undoings(look: Look) -> dict[str, int]:
    """Lines that undo: matched, unmatched, and (with their purchases) within one day."""
    return {
        "matched_lines": look.beside.n_matched,
        "unmatched_lines": look.beside.n_unmatched,
        "same_day_lines": int(look.facts["rejected_by_rule"].get("undone_same_day", 0)),
        "purchases_undone_later": look.n_undone_later,
    }


def made_of(look: Look, currency: str) -> dict[str, object]:
    """What the store is made of, and that no line was lost."""
    facts = look.facts
    counts = ("lines_in", "lines_accepted", "lines_repaired", "lines_rejected", "lines_erased")
    return {
        "source": facts["source"],
        "files": len(facts["parts"]),
        "first_sale_on": facts["first_sale_on"],
        "last_sale_on": facts["last_sale_on"],
        "time_zone": look.zone,
        "currency": currency,
        **{name: facts[name] for name in counts},
        "lines_returned": facts["lines_returned"],
        "rejected_by_rule": facts["rejected_by_rule"],
        "repaired_by_code": facts["repaired_by_code"],
        "customers": facts["customers"],
        "orders": facts["orders"],
        "revenue": int(look.units_on.sum()) / UNITS,
    }
