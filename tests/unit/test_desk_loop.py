"""The loop closes: what the desk recorded of a wave is what `collect` finds it came to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from contracts.event_tables import CONTACTS, PURCHASES, RESPONSES
from contracts.files import write_table
from events.store import Events
from features.wave_outcomes import Seen, outcomes
from pipeline.pulling import contacts, responses
from pipeline.recorded import TABLES, with_recorded
from tests.unit.test_wave_outcomes import wave

ZONE = "America/New_York"


def recorded(rows: pd.DataFrame) -> list[dict[str, str]]:
    """The first treated customer was contacted and redeemed; the second said no, for the price."""
    first, second = rows.loc[rows["arm"] == "treated"].head(2).to_dict("records")
    said = [(first, "contacted", ""), (first, "redeemed", ""), (second, "contacted", ""), (second, "declined", "price")]
    return [
        {
            "customer_id": row["customer_id"], "week": row["wave"], "kind": kind, "reason": reason,
            "offer": row["offer"], "channel": row["channel"], "happened_at": f"2018-01-03T15:0{n}:00.000000Z",
            "recorded_at": f"2018-01-03T16:0{n}:00.000000Z",
        }
        for n, (row, kind, reason) in enumerate(said)
    ]  # fmt: skip


def bare(table) -> pd.DataFrame:
    return table.empty().drop(columns=list(table.optional))


def shop() -> Events:
    """A shop without purchases, contacts or responses of its own."""
    purchases = bare(PURCHASES)
    none = pd.DataFrame({"product_id": pd.Series(dtype="str")})
    return Events(purchases, none, bare(CONTACTS), bare(RESPONSES), date(2017, 1, 1), date(2018, 3, 1), ZONE)


def test_what_was_recorded_is_what_collect_finds(tmp_path: Path) -> None:
    rows = wave()
    said = recorded(rows)
    for name, frame in (("contacts", contacts(said, ZONE)), ("responses", responses(said, ZONE))):
        write_table(tmp_path / f"{name}.parquet", frame, TABLES[name])
    events = with_recorded(shop(), tmp_path)
    seen = Seen(events.purchases, events.contacts, events.responses, ZONE).before(date(2018, 2, 26))
    found = outcomes(rows, seen, 0.25, {}).set_index("customer_id")
    first, second = said[0]["customer_id"], said[2]["customer_id"]
    assert found.index[found["is_contacted"]].tolist() == [first, second]
    assert found.index[found["is_redeemed"]].tolist() == [first]
    assert found.loc[found["reason"] != "", "reason"].to_dict() == {second: "price"}
    # nobody knew of it before it was recorded
    early = Seen(events.purchases, events.contacts, events.responses, ZONE).before(date(2018, 1, 3))
    assert not outcomes(rows, early, 0.25, {})["is_contacted"].any()


def test_without_anything_recorded_the_events_stay_as_they_are(tmp_path: Path) -> None:
    events = shop()
    found = with_recorded(events, tmp_path)
    assert (found.contacts is events.contacts, found.responses is events.responses) == (True, True)
