"""Trial features: what SQL gives, and that careless SQL can neither leak nor reach anything but the cut tables."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import windows
from contracts.errors import ParameterError
from events.building import build_store
from events.store import Events, read_store
from features import trials
from features.catalogue import BY_NAME
from features.engine import feature_batches
from features.trial_files import Trial, read_trials, refuse_careless
from features.trials import cut_tables, trial_columns, with_trials
from tests import rich_stores, stores

CUTOFF = stores.FIRST_DAY + timedelta(days=98)
COUNTED = Trial("counted", "SELECT customer_id, count(*) AS n_lines, sum(amount) AS paid FROM purchases GROUP BY ALL")


def small() -> Events:
    rows = [("ann", 5, 9, 1, 5.0, 0.0), ("ann", 60, 9, 2, 7.5, 0.0), ("ann", 120, 9, 3, 50.0, 0.0)]
    return stores.events(stores.drawn_lines([*rows, ("bob", 130, 9, 6, 4.0, 0.0)]))


def test_a_trial_sees_what_was_before_the_cutoff() -> None:
    found = trial_columns([COUNTED], small(), CUTOFF)
    assert found.to_dict("index") == {"ann": {"trial_n_lines": 2.0, "trial_paid": 12.5}}
    dated = Trial(
        "d",
        "SELECT customer_id, date_diff('day', max(ordered_on), any_value(cutoff_on)) AS silence "
        "FROM purchases, cutoff GROUP BY 1",
    )
    assert trial_columns([dated], small(), CUTOFF)["trial_silence"].to_dict() == {"ann": 38.0}


GREEDY = """
SELECT customer_id, count(*) AS n, sum(epoch(ordered_at)) AS at,
       (SELECT count(*) FROM products) AS n_products, (SELECT count(*) FROM campaigns) AS n_campaigns,
       (SELECT count(*) FROM promotions) AS n_promotions, (SELECT sum(n) FROM responses) AS n_answers,
       (SELECT count(*) FROM interactions) AS n_interactions, (SELECT sum(amount) FROM returns) AS back,
       (SELECT max(epoch(sent_at)) FROM contacts) AS sent
FROM purchases GROUP BY customer_id
"""


@given(known=rich_stores.SHOPS, days=st.integers(30, 180))
def test_the_greediest_sql_gives_the_same_from_an_extract_taken_then(known: Events, days: int) -> None:
    """Everything that can be counted, in every table."""
    day = stores.FIRST_DAY + timedelta(days=days)
    then = rich_stores.truncated(known, day)
    whole, cut = (trial_columns([Trial("g", GREEDY)], one, day) for one in (known, then))
    pd.testing.assert_frame_equal(whole.sort_index(), cut.sort_index(), check_index_type=False)
    left, right = cut_tables(known, day), cut_tables(then, day)
    for name, table in left.items():
        pd.testing.assert_frame_equal(table.reset_index(drop=True), right[name].reset_index(drop=True))
        assert "undone_at" not in table.columns


def test_a_return_does_not_tell_that_its_purchase_became_known_later(tmp_path: Path) -> None:
    """The purchase of day 5 becomes known on day 40: a cutoff of day 30 sees a return, matched or not yet."""
    day = {n: str(stores.FIRST_DAY + timedelta(days=n)) for n in (5, 10, 20, 40)}
    given = {"customer_id": "ann", "product_id": "tea", "quantity": 1.0, "amount": 5.0}
    back = {**given, "order_id": "back", "ordered_at": day[10], "quantity": -1.0, "amount": -5.0}
    early = [back, {**given, "order_id": "other", "product_id": "milk", "ordered_at": day[20]}]
    late = {**given, "order_id": "late", "ordered_at": day[5], "known_at": day[40]}
    tables = []
    for name, rows in (("then", early), ("now", [*early, late])):
        build_store(stores.source([("a.csv", stores.canonical(rows))]), tmp_path / name, stores.made())
        tables.append(cut_tables(read_store(tmp_path / name), stores.FIRST_DAY + timedelta(days=30)))
    then, now = tables
    assert len(now["returns"]) == 1
    for name, table in now.items():
        pd.testing.assert_frame_equal(table.reset_index(drop=True), then[name].reset_index(drop=True))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT customer_id, 1 AS x FROM read_csv('params.yaml')", "disabled by configuration"),
        ("SELECT customer_id, 1 AS x FROM 'params.yaml'", "x.sql: "),
        ("SELECT customer_id, 1 AS x FROM frame", "does not exist"),
        ("SELECT customer_id, undone_at FROM purchases", "undone_at"),
        ("SELECT customer_id, 'a' AS x FROM purchases GROUP BY 1", "expected numbers in x"),
        ("SELECT customer_id, amount FROM purchases", "add GROUP BY customer_id"),
        ("SELECT count(*) AS n FROM purchases", "expected the column customer_id and a feature, got n"),
        ("SELECT nonsense", "x.sql: Binder Error"),
        ("SELECT customer_id, max(customer_id::INT) AS x FROM purchases GROUP BY 1", "Conversion while it ran"),
        ('SELECT customer_id, sum(amount) AS "a {b}: [c]" FROM purchases GROUP BY 1', "expected names of a-z"),
    ],
)
def test_sql_that_reaches_for_more_is_one_clear_line(sql: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said) as caught:
        trial_columns([Trial("x", sql)], small(), date(2017, 12, 4))
    assert "\n" not in str(caught.value)
    assert "'ann'" not in str(caught.value)
    assert "bob" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SET threads = 4", "expected one SELECT, got SET"),
        ("SELECT 1; SELECT 2", "expected one SELECT, got SELECT, SELECT"),
        ("COPY purchases TO 'x.csv'", "expected one SELECT, got COPY"),
        ("ATTACH 'x.db'", "expected one SELECT, got ATTACH"),
        ("", "expected one SELECT, got nothing"),
        ("SELEC customer_id", "Parser Error"),
        ("SELECT customer_id, today() - max(ordered_on) AS n FROM purchases GROUP BY 1", "got today, which hangs on"),
        ("SELECT customer_id, random() AS n FROM purchases", "got random"),
        (
            "SELECT customer_id, current_localtimestamp()::DATE - max(ordered_on) AS n FROM purchases GROUP BY 1",
            "got cur",
        ),
        ("SELECT customer_id, current_date - max(ordered_on) AS n FROM purchases GROUP BY 1", "got current_date"),
        ("SELECT customer_id, txid_current() AS n FROM purchases", "got txid_current"),
        ("SELECT * FROM query('SELECT 1 AS customer_id, random() AS n')", "got query"),
        ('SELECT customer_id, 1 AS "--", now() AS n FROM purchases', "got now"),
        ("SELECT customer_id, $$'$$ AS a, now() AS n, $$'$$ AS b FROM purchases", "got now"),
        ("SELECT customer_id, age(max(ordered_at)) AS n FROM purchases GROUP BY 1", "got today"),
        ("SELECT customer_id, error(customer_id) AS n FROM purchases", "got error"),
        ("SELECT customer_id, amount FROM purchases USING SAMPLE 10", "got random"),
    ],
)
def test_what_is_no_select_of_the_past_is_refused_before_anything_runs(sql: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        refuse_careless(Trial("x", sql))
    refuse_careless(
        Trial("x", "SELECT customer_id, 1 AS age, 2 AS sample FROM purchases -- today\nWHERE order_id = 'now'")
    )


def test_files_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "counted.sql").write_text(COUNTED.sql)
    assert read_trials(tmp_path, ["counted"]) == (COUNTED,)
    with pytest.raises(ParameterError, match=r"expected a file conted.sql .* did you mean 'counted'"):
        read_trials(tmp_path, ["conted"])


def test_a_file_of_other_bytes_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    with pytest.raises(ParameterError, match=r"latin\.sql: expected UTF-8 text"):
        read_trials(tmp_path, ["latin"])


def test_columns_are_appended_to_each_batch_by_customer_and_cutoff() -> None:
    days = [stores.FIRST_DAY + timedelta(days=n) for n in (98, 140)]
    rows = pd.DataFrame(
        [("ann", days[0]), ("ann", days[1]), ("bob", days[1])], columns=["customer_id", "cutoff_on"]
    ).astype({"cutoff_on": "datetime64[us]"})
    shelf = stores.Shelf(small(), 2)
    batches = feature_batches(shelf, rows, [BY_NAME["purchase_days_life"]], 28)
    names, appended = with_trials(batches, [COUNTED], shelf, days)
    assert names == ("trial_n_lines", "trial_paid")
    found = {}
    for keys, values in appended:
        found |= dict(zip(keys[["customer_id", "cutoff_on"]].itertuples(index=False, name=None), values, strict=True))
    assert {key: value.tolist() for key, value in found.items()} == {
        ("ann", pd.Timestamp(days[0])): [2.0, 2.0, 12.5],
        ("ann", pd.Timestamp(days[1])): [3.0, 3.0, 62.5],
        ("bob", pd.Timestamp(days[1])): [1.0, 1.0, 4.0],
    }


def test_an_unknown_customer_of_a_trial_is_empty_and_infinity_too() -> None:
    split = Trial("s", "SELECT customer_id, 1 / (sum(amount) - 12.5) AS x FROM purchases GROUP BY 1")
    assert np.isnan(trial_columns([split], small(), CUTOFF)["trial_x"]).all()
    shelf = stores.Shelf(small())
    rows = pd.DataFrame({"customer_id": ["bob"], "cutoff_on": [pd.Timestamp(CUTOFF)]})
    _, appended = with_trials(
        feature_batches(shelf, rows, [BY_NAME["purchase_days_life"]], 28), [COUNTED], shelf, [CUTOFF]
    )
    ((_, values),) = appended
    assert values[0, 0] == 0
    assert np.isnan(values[0, 1:]).all()


def test_two_trials_with_one_column_are_refused() -> None:
    shelf = stores.Shelf(small())
    with pytest.raises(ParameterError, match="two give trial_n_lines"):
        with_trials(iter(()), [COUNTED, COUNTED], shelf, [CUTOFF])


def test_the_table_of_promotions_tells_only_those_begun_and_known() -> None:
    known = rich_stores.drawn(3, 40, 6)
    told = {
        n: cut_tables(known, stores.FIRST_DAY + timedelta(days=n))["promotions"]["promotion_id"].tolist()
        for n in (0, 60, 100, 150)
    }
    assert told == {0: [], 60: ["0", "1"], 100: ["0", "1"], 150: ["0", "1", "2"]}
    assert windows.known_before(known.promotions.drop(columns="known_at"), CUTOFF, stores.ZONE).shape[0] == 3


def test_hours_and_days_are_the_store_s_whatever_the_machine_s_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Trial(
        "t",
        "SELECT customer_id, max(hour(ordered_at)) AS h, max(ordered_at::DATE - cutoff_on) AS d "
        "FROM purchases, cutoff GROUP BY 1",
    )
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found = trial_columns([timed], small(), CUTOFF).loc["ann"]
        assert found.tolist() == [9.0, -38.0]
    monkeypatch.undo()
    time.tzset()


def test_what_does_not_fit_a_feature_is_empty() -> None:
    huge = Trial("h", "SELECT customer_id, 1e300 AS x, 2::DECIMAL(9, 2) AS y FROM purchases GROUP BY 1")
    found = trial_columns([huge], small(), CUTOFF)
    assert found["trial_x"].isna().all()
    assert (found["trial_y"] == 2).all()


def test_ids_that_no_customer_has_are_refused() -> None:
    strange = Trial("s", "SELECT customer_id || ' ' AS customer_id, 1 AS x FROM purchases GROUP BY ALL")
    shelf = stores.Shelf(small())
    with pytest.raises(ParameterError, match="trial_x: expected ids of customers in customer_id, got none"):
        with_trials(iter(()), [strange], shelf, [CUTOFF])


def test_a_select_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST_SECONDS", 0.2)
    endless = Trial("e", "SELECT customer_id, count(*) AS n FROM purchases, range(100000000000) GROUP BY 1")
    with pytest.raises(ParameterError, match=r"expected an answer within 0\.2 s a cutoff, got none"):
        trial_columns([endless], small(), CUTOFF)


def test_nothing_is_spilled_to_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "LOCKS", tuple(lock.replace("4GB", "20MB") for lock in trials.LOCKS))
    wide = Trial(
        "w",
        "SELECT customer_id, count(DISTINCT repeat(customer_id, 50) || i) AS n "
        "FROM purchases, range(400000) AS t(i) GROUP BY 1",
    )
    with pytest.raises(ParameterError, match="OutOfMemory while it ran"):
        trial_columns([wide], small(), CUTOFF)
    assert list(tmp_path.iterdir()) == []
