"""One customer: what they bought, who they are to the shop, what to offer and why, what was done."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from contracts.event_kinds import REASONS
from serving.api.access import OpenDesk, Viewer
from serving.api.reading import On, one_customer
from serving.api.shapes import WeekName, Word
from serving.desk import accounts
from serving.desk.work import KINDS
from serving.pages.listing import shown_to
from serving.pages.pictures import timeline
from serving.pages.rendering import render

_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z0-9])")


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/weeks/{week}/customers/{customer_id:path}", include_in_schema=False)(customer_page)


def customer_page(
    actor: Viewer, request: Request, desk: OpenDesk, on: On, *, week: WeekName, customer_id: Word
) -> Response:
    """A customer of a week's list."""
    found = one_customer(actor, desk, on, week=week, customer_id=customer_id)
    facts = shown_to(actor, found["facts"])
    with desk.reading() as connection:
        people = accounts.all_users(connection) if actor.may("agent") else []
    return render(
        request,
        "customer",
        page="list",
        **{**found, "facts": facts},
        customer_id=customer_id,
        labels=with_evidence(facts["labels"], facts.get("evidence") or ""),
        reasons=parts(facts.get("reasons") or ""),
        picture=timeline(found["history"], contact_days(facts, found["outcomes"])),
        colleagues=[one["name"] for one in people if _may_work(one) and one["name"] != found["claimed_by"]],
        kinds=KINDS,
        why_not=REASONS,
        key=secrets.token_urlsafe(12),
        on=on.isoformat(),
    )


def _may_work(user: dict[str, Any]) -> bool:
    return bool(user["is_active"]) and user["role"] != "viewer"


def parts(text: str) -> list[str]:
    """Texts that the published table joins by '; '."""
    return [part.strip() for part in text.split(";") if part.strip()]


def with_evidence(labels: str, evidence: str) -> list[tuple[str, str]]:
    """Each label with its sentence; where the sentences cannot be told apart, all of them stand with the first.

    >>> with_evidence("steady rhythm; buys much", "Your visits lie 2.5 days apart. You spent 12.50 USD.")
    [('steady rhythm', 'Your visits lie 2.5 days apart.'), ('buys much', 'You spent 12.50 USD.')]
    >>> with_evidence("steady rhythm; buys much", "One sentence for both.")
    [('steady rhythm', 'One sentence for both.'), ('buys much', '')]
    """
    names, sentences = parts(labels), _SENTENCE.split(evidence) if evidence else []
    if len(names) != len(sentences):
        sentences = [evidence]
    return [(name, sentences[n] if n < len(sentences) else "") for n, name in enumerate(names)]


def contact_days(facts: dict[str, Any], outcomes: Iterable[dict[str, Any]]) -> list[str]:
    """Days on which somebody contacted the customer, as far as the desk knows."""
    recorded = {one["happened_at"][:10] for one in outcomes if one["kind"] == "contacted"}
    return sorted(recorded | ({facts["last_contact_on"]} if facts.get("last_contact_on") else set()))
