"""Running the desk's server: what it prints first, its log, the shop's own date."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contracts.params import load_params
from pipeline.desk import the_desk
from serving.desk import accounts, weeks
from serving.desk.database import Desk
from serving.pages.shown import LOCALE_VARIABLE, MLFLOW_VARIABLE, Shop

FIRST_ADMIN = "Nobody can sign in yet. In another terminal make the first admin: regulars user add NAME --role admin"


def serve(root: Path, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve the project's desk until it is stopped."""
    import uvicorn

    from serving.api.app import create_app
    from serving.api.oidc import provider_of

    shop = the_shop(load_params(root / "params.yaml").store.time_zone)
    zone, provider = ZoneInfo(shop.time_zone), provider_of(os.environ)
    with the_desk(root) as desk:
        tell(_greeting(desk, host, port))
        _log_to_stderr()
        app = create_app(desk, lambda: _today(zone), shop, provider)
        # our own log names routes by their pattern; the server's would name customers
        uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", server_header=False)


def the_shop(time_zone: str) -> Shop:
    """What the pages are told of the shop: its time zone, and of the environment its locale and MLflow's address."""
    said = {name: os.environ.get(name, "").strip() for name in (LOCALE_VARIABLE, MLFLOW_VARIABLE)}
    return Shop(said[LOCALE_VARIABLE] or "en", time_zone, said[MLFLOW_VARIABLE])


def _today(zone: ZoneInfo) -> date:
    return datetime.now(zone).date()


def _greeting(desk: Desk, host: str, port: int) -> str:
    with desk.reading() as connection:
        week = weeks.find_week(connection)
        n_users = accounts.n_users(connection)
    said = f"The desk: http://{host}:{port}, week {week.week} {week.n_listed:,} customers to work on. Ctrl+C stops it."
    return said if n_users else f"{said}\n{FIRST_ADMIN}"


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    log = logging.getLogger("regulars.desk")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
