"""Another process publishes a drawn week: `DATABASE FOLDER ENTRIES REVISION`; prints the seconds that the load took."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.desk.weeks import Drawing, weekly_sums, write
from serving.desk.database import open_desk
from serving.desk.loading import load_week


def main(url: str, folder: str, n_entries: int, revision: int) -> None:
    """Load the revision."""
    found = write(Path(folder), Drawing(n_entries, revision=revision))
    desk, begun = open_desk(url), time.perf_counter()
    load_week(desk, found, weekly_sums, {})
    print(round(time.perf_counter() - begun, 1), flush=True)
    desk.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
