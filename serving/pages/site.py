"""All pages of the desk, added to its application."""

from __future__ import annotations

from fastapi import FastAPI

from serving.pages import customer, facts, listing, people, signing, vouched, week, working
from serving.pages.problems import add_page_handlers
from serving.pages.shown import Shop


def add_pages(app: FastAPI, shop: Shop) -> None:
    """Add the pages' routes, and let refusals answer a browser with a page."""
    app.state.shop = shop
    for module in (signing, vouched, week, listing, customer, working, facts, people):
        module.add_routes(app)
    add_page_handlers(app)
