"""The desk's own server on a database, as `regulars serve` runs it, with nothing to publish: `DATABASE PORT`."""

from __future__ import annotations

import sys
from datetime import date

import uvicorn

from serving.api.app import create_app
from serving.desk.database import open_desk
from serving.pages.shown import Shop

TODAY = date(2018, 1, 2)


def main(url: str, port: int) -> None:
    """Serve until stopped."""
    desk = open_desk(url)
    app = create_app(desk, lambda: TODAY, Shop("en_US", "America/New_York"))
    uvicorn.run(app, port=port, access_log=False, log_level="warning", server_header=False)
    desk.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
