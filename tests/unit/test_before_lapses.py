"""What comes before lapses: Mantel-Haenszel by hand, facts as known at the cutoff, and silence that explains itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from events.store import Events
from features.before_lapses import before_lapses as facts_before
from features.before_lapses import open_complaints
from offers.effects.before import before_lapses, compare, in_words
from offers.effects.report import known
from tests import stores

CUTOFF = pd.Timestamp("2017-03-06")


def by_table(*strata: tuple[int, int, int, int]) -> tuple[np.ndarray, ...]:
    """Rows of 2x2 tables: lapsed and kept with the circumstance, lapsed and kept without; each row a customer."""
    parts = [
        (lapsed, has, nth, n)
        for nth, counts in enumerate(strata)
        for (lapsed, has), n in zip(((1.0, True), (0.0, True), (1.0, False), (0.0, False)), counts, strict=True)
    ]
    columns = [np.repeat([part[at] for part in parts], [part[3] for part in parts]) for at in range(3)]
    return columns[0], columns[1].astype(bool), columns[2], np.arange(len(columns[0]))


def test_mantel_haenszel_by_hand() -> None:
    """Tables (10, 10 | 10, 30) and (20, 20 | 5, 15).

    Weights n1 n0 / n: 20·40/60 = 40/3 and 40·20/60 = 40/3; differences .25 and .25: .25. Ratio: (10·40/60 + 20·20/60)
    over (10·20/60 + 5·40/60) = (40/6 + 40/6) / (20/6 + 20/6) = 2.
    """
    found = compare(*by_table((10, 10, 10, 30), (20, 20, 5, 15)))
    assert found.difference == pytest.approx(0.25)
    assert found.ratio == pytest.approx(2.0)
    assert (found.rate_with, found.rate_alike) == (pytest.approx(0.5), pytest.approx(0.25))
    # half of each weight; variances of the strata's differences: p q / n on either side, n / (n - 1) customers
    variance = 0.25 * ((0.25 / 20 + 0.1875 / 40) + (0.25 / 40 + 0.1875 / 20)) * 120 / 119
    assert found.high - found.difference == pytest.approx(1.959964 * np.sqrt(variance))


def test_the_ratio_equals_that_of_another_library() -> None:
    from scipy.stats.contingency import relative_risk

    found = compare(*by_table((12, 28, 9, 51)))
    assert found.ratio == pytest.approx(relative_risk(12, 40, 9, 60).relative_risk)
    interval = relative_risk(12, 40, 9, 60).confidence_interval(0.95)
    assert (found.ratio_low, found.ratio_high) == (
        pytest.approx(interval.low, rel=0.01),
        pytest.approx(interval.high, rel=0.01),
    )


def test_rows_of_one_customer_count_as_one() -> None:
    """Every row four times, under the same customer: the same difference and nearly the same interval."""
    lapsed, has, stratum, customer = by_table((10, 10, 10, 30), (20, 20, 5, 15))
    once = compare(lapsed, has, stratum, customer)
    often = compare(*(np.repeat(part, 4) for part in (lapsed, has, stratum, customer)))
    assert often.difference == pytest.approx(once.difference)
    assert often.high == pytest.approx(once.high)


def test_a_stratum_without_both_sides_says_nothing() -> None:
    alone = compare(*by_table((10, 10, 10, 30)))
    beside = compare(*by_table((10, 10, 10, 30), (50, 1, 0, 0)))
    assert beside.difference == pytest.approx(alone.difference)
    assert np.isnan(compare(*by_table((5, 5, 0, 0))).difference)


def drawn(rng: np.random.Generator, harm: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """4,000 customers: silence alone makes them lapse and buy product 1 more seldom; store 9 adds `harm`."""
    stratum = rng.integers(0, 5, 4000)
    store = rng.random(4000) < 0.3
    bought = rng.random(4000) < 0.8 - 0.15 * stratum
    lapsed = rng.random(4000) < 0.05 + 0.12 * stratum + harm * store
    rows = pd.DataFrame({"customer_id": np.arange(4000).astype(str), "lapsed": lapsed, "stratum": stratum})
    told = [("store", np.where(store, "9", "4"), np.ones(4000, bool)), ("failure", np.full(4000, "rare"), bought)]
    parts = [pd.DataFrame({"row": np.flatnonzero(at), "kind": kind, "name": name[at]}) for kind, name, at in told]
    return rows, pd.concat(parts, ignore_index=True)


def test_what_goes_with_silence_alone_is_no_finding_and_what_does_not_is(rng) -> None:
    rows, facts = drawn(rng, harm=0.1)
    found = {(one["kind"], one["name"]): one for one in before_lapses(rows, facts)}
    assert found["store", "9"]["q_value"] < 1e-4
    assert found["store", "9"]["low"] < 0.1 < found["store", "9"]["high"]
    crude = rows["lapsed"].to_numpy()[facts.loc[facts["kind"] == "failure", "row"]].mean()
    assert crude < rows["lapsed"].mean() - 0.03  # who bought lapses less, because of silence
    lapsed, places = rows["lapsed"].to_numpy(float), facts.loc[facts["kind"] == "failure", "row"]
    bought = rows.index.isin(places)
    alike = compare(lapsed, bought, rows["stratum"].to_numpy(), rows.index.to_numpy())
    assert alike.low < 0 < alike.high
    assert known(list(found.values()))


def test_fewer_than_fifty_customers_are_not_looked_at(rng) -> None:
    rows, facts = drawn(rng, harm=0.0)
    lapsed = facts[(facts["kind"] == "failure") & rows["lapsed"].to_numpy()[facts["row"]]]
    few, enough = lapsed.head(49), lapsed.head(50)
    assert before_lapses(rows, few) == []
    assert len(before_lapses(rows, enough)) == 1


def test_a_sentence_says_that_it_is_no_cause(rng) -> None:
    found = compare(*by_table((31, 69, 24, 76)))
    said = in_words("store", "12", found)
    assert said.startswith("Of those whose last visit was in store 12, 31 % lapsed against 24 % of others alike")
    assert said.endswith("; this is an association, not a cause.")


def interactions(*listed: tuple[str, str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(listed, columns=["customer_id", "kind", "on", "value"])
    on = pd.to_datetime(frame.pop("on")).astype("datetime64[us]")
    return frame.assign(
        happened_at=(on + pd.Timedelta(hours=12)).dt.tz_localize(stores.ZONE).dt.tz_convert("UTC"), happened_on=on
    )


def shop() -> tuple[Events, pd.DataFrame]:
    """ann's gaps are 10 days, the last on 1 March; bob bought once, in January; the cutoff is 6 March."""
    lines = stores.purchases(
        [
            ("ann", "2017-02-09 10:00", 1, 5.0, 0.0),
            ("ann", "2017-02-19 10:00", 3, 5.0, 0.0),
            ("ann", "2017-03-01 10:00", 2, 5.0, 0.0),
            ("bob", "2017-01-10 10:00", 4, 5.0, 0.0),
            ("ann", "2017-03-06 00:00", 5, 5.0, 0.0),
        ]
    )
    met = interactions(
        ("ann", "complaint", "2017-02-20", np.nan),
        ("ann", "complaint_closed", "2017-03-07", np.nan),
        ("ann", "rating", "2017-02-21", 2.0),
        ("bob", "complaint", "2017-01-11", np.nan),
        ("bob", "complaint_closed", "2017-01-12", np.nan),
        ("bob", "rating", "2017-03-01", 4.0),
    )
    listed = pd.DataFrame({"customer_id": ["ann", "bob"], "cutoff_on": CUTOFF, "is_eligible": True})
    listed["lapsed"] = pd.array([False, True], dtype="boolean")
    return replace(stores.events(lines), interactions=met), listed


def test_facts_are_those_known_at_the_cutoff() -> None:
    """Goods of the last day before it (1 March; bob's is too long ago), the last store, and no later closing."""
    found = facts_before(*shop())
    facts = {who: set() for who in ("ann", "bob")}
    for fact in found.facts.itertuples():
        facts[found.rows["customer_id"][fact.row]].add((fact.kind, fact.name))
    assert facts["ann"] == {
        ("product", "2"),
        ("category", "TEA"),
        ("store", "0"),
        *(("failure", name) for name in ("complaint", "open complaint", "low rating")),
    }
    assert facts["bob"] == {("store", "0")}
    assert found.rows["lapsed"].tolist() == [False, True]
    assert found.rows["stratum"].tolist() == [0, -1]


def test_what_comes_later_moves_no_fact() -> None:
    events, listed = shop()
    cut = replace(
        events,
        purchases=events.purchases[events.purchases["ordered_on"] < CUTOFF],
        interactions=events.interactions[events.interactions["happened_on"] < CUTOFF],
    )
    whole, earlier = facts_before(events, listed), facts_before(cut, listed)
    assert set(whole.facts.itertuples(index=False)) == set(earlier.facts.itertuples(index=False))
    pd.testing.assert_frame_equal(whole.rows, earlier.rows)


def test_rows_without_a_label_are_left_out() -> None:
    events, listed = shop()
    listed["lapsed"] = pd.array([pd.NA, pd.NA], dtype="boolean")
    found = facts_before(events, listed)
    assert found.rows.empty
    assert before_lapses(found.rows, found.facts) == []


def test_a_complaint_is_open_until_it_is_closed() -> None:
    met = interactions(
        ("ann", "complaint", "2017-01-01", np.nan),
        ("ann", "complaint_closed", "2017-01-03", np.nan),
        ("bob", "complaint", "2017-01-01", np.nan),
        ("ann", "complaint", "2017-01-05", np.nan),
        ("cat", "complaint_closed", "2017-01-05", np.nan),
    )
    assert set(open_complaints(met)) == {"ann", "bob"}
    assert date(2017, 1, 5) == met["happened_on"].max().date()


def test_what_nearly_everybody_has_in_common_is_not_looked_at() -> None:
    """A store where 160 of 200 were: 40 others are too few to compare with; where 150 were, 50 are enough."""
    rows = pd.DataFrame({"customer_id": np.arange(200).astype(str), "lapsed": np.arange(200) % 4 == 0, "stratum": 0})
    rows.loc[:99, "lapsed"] = True

    def seen(n: int) -> list[str]:
        facts = pd.DataFrame(
            {"row": np.arange(200), "kind": "store", "name": np.where(np.arange(200) < n, "big", "small")}
        )
        return [one["name"] for one in before_lapses(rows, facts)]

    assert seen(160) == []
    assert seen(150) == ["big"]
