"""The three ways of docs/adding-a-feature.md, run as they stand there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ParameterError
from events.store import Events
from features import vocabulary
from features.documentation import record
from features.kernel import kinds as kernel_kinds
from features.records import Feature
from features.reference import kinds as reference_kinds
from features.trial_files import Trial
from features.trials import trial_columns
from features.vocabulary import FAMILIES, MEASURES
from tests import rich_stores, stores

ROOT = Path(__file__).resolve().parents[2]
CUTOFF = stores.FIRST_DAY + timedelta(days=150)
GUIDE = (ROOT / "docs" / "adding-a-feature.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The guide's Python, as a module; what it registers is taken back out."""
    registries = (vocabulary.AGGREGATIONS, reference_kinds.KINDS, kernel_kinds.KINDS)
    before = [dict(registry) for registry in registries]
    path = tmp_path_factory.mktemp("guide") / "guide_of_features.py"
    path.write_text("\n".join(blocks("python")))
    spec = importlib.util.spec_from_file_location("guide_of_features", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["guide_of_features"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["guide_of_features"]
    for registry, old in zip(registries, before, strict=True):
        registry.clear()
        registry.update(old)


def assert_engines_agree(known: Events, features: list[Feature]) -> pd.DataFrame:
    kernel, oracle = (stores.feature_frame(known, CUTOFF, features, name) for name in ("kernel", "reference"))
    pd.testing.assert_frame_equal(kernel, oracle, rtol=1e-5, atol=1e-6, check_column_type=False)
    return kernel


def test_way_1_a_record_is_enough(guide: ModuleType) -> None:
    frame = assert_engines_agree(rich_stores.drawn(5, 100, 12), list(guide.RECORDS))
    assert {"amount_63d", "coupon_line_share_28d", "decayed_quantity_10d", "gap_p80_days"} <= set(frame.columns)
    assert (frame.nunique() > 1).sum() >= 5
    assert all(told["family"] in FAMILIES and told["unit"] for told in map(record, guide.RECORDS))


SUMMED = [name for name in MEASURES if name.endswith(("_days", "_lines")) and name != "return_lines"]
WINDOWS = st.one_of(st.none(), st.integers(1, 400))
KNOWN_KINDS = st.one_of(
    st.builds(
        lambda measure, days, skip: Feature("frequency", "days", measure, "sum", days, skip if days else 0),
        st.sampled_from([*SUMMED, "amount", "discount", "list_amount", "quantity", "orders", "lines"]),
        WINDOWS,
        st.integers(0, 90),
    ),
    st.builds(lambda h: Feature("decay", "days", "discount", "decayed_sum", parameter=h), st.floats(0.5, 400)),
    st.builds(lambda q: Feature("gaps", "gaps", "gap", "quantile", parameter=q), st.floats(0, 1)),
    st.builds(lambda k: Feature("gaps", "gaps", "gap", "mean_of_last", parameter=k), st.integers(1, 12)),
    st.builds(lambda b: Feature("rhythm", "gaps", "gap", "regular_share", parameter=b), st.floats(0, 1)),
    st.builds(lambda w: Feature("rhythm", "days", "purchase_days", "active_weeks", 7 * w), st.integers(1, 60)),
    st.builds(
        lambda measure, w: Feature("trend", "days", measure, "weekly_slope", 7 * w),
        st.sampled_from(["purchase_days", "amount", "quantity"]),
        st.integers(2, 60),
    ),
    st.builds(
        lambda measure, kind, n: Feature("trend", "days", measure, kind, parameter=n),
        st.sampled_from(["amount", "purchase_days"]),
        st.sampled_from(["best_period", "periods_since_best"]),
        st.integers(1, 14),
    ),
    st.builds(
        lambda measure, kind, days, skip: Feature("variety", "lines", measure, kind, days, skip if days else 0),
        st.sampled_from(["products", "categories", "departments", "stores", "channels"]),
        st.sampled_from(["distinct", "entropy", "top_share"]),
        WINDOWS,
        st.integers(0, 90),
    ),
    st.builds(lambda days: Feature("basket", "orders", "amount", "order_sd", days), WINDOWS),
    st.builds(lambda days: Feature("price", "lines", "price_rank", "line_mean", days), st.integers(1, 400)),
    st.builds(
        lambda measure, days: Feature("price", "lines", measure, "line_sum", days),
        st.sampled_from(["newcomers_price", "priced_amount"]),
        st.integers(1, 400),
    ),
    st.builds(
        lambda source, days, skip: Feature("interaction", source, source, "sum", days, skip if days else 0),
        st.sampled_from(["answers", "complaints", "searches", "views"]),
        WINDOWS,
        st.integers(0, 90),
    ),
)


@given(known=rich_stores.SHOPS, features=st.lists(KNOWN_KINDS, min_size=1, max_size=6, unique_by=lambda f: f.name))
def test_way_1_any_record_of_a_known_kind_means_the_same_to_both_engines(known, features) -> None:
    first = known.purchases["ordered_on"].min()
    if first < pd.Timestamp(CUTOFF) and len(rich_stores.truncated(known, CUTOFF).purchases):
        assert_engines_agree(known, features)


MISTAKES = [
    (("variety", "lines", "categories", "entrpy", 28), {}, "unknown aggregation 'entrpy'; did you mean 'entropy'"),
    (("monetry", "days", "amount", "sum", 28), {}, "unknown family 'monetry'; did you mean 'monetary'"),
    (("variety", "lines", "catgories", "entropy", 28), {}, "unknown measure 'catgories'"),
    (("gaps", "gaps", "gap", "quantile"), {}, "quantile needs a quantile from 0 to 1, got none"),
    (("gaps", "gaps", "gap", "quantile"), {"parameter": 1.5}, "needs a quantile from 0 to 1, got 1.5"),
    (("decay", "days", "amount", "decayed_sum"), {"parameter": 0}, "needs a half-life above 0 days, got 0"),
    (("recency", "days", "", "days_since_last", 28), {}, "days_since_last is of all rows; expected no window"),
    (("monetary", "days", "amount", "sum", None, 28), {}, "skip_days from 0 on within a window"),
    (("monetary", "days", "amount", "sum", 28, -28), {}, "skip_days from 0 on"),
    (("monetary", "days", "amount", "sum", -1), {}, "expected window_days from 1 on"),
    (("price", "lines", "quantity", "line_mean", 28), {}, "line_mean of 'quantity' cannot be made of lines"),
    (("price", "lines", "amount", "line_sum", 28), {}, "line_sum of 'amount' cannot be made of lines"),
    (("price", "lines", "priced_amount", "line_sum"), {}, "line_sum needs window_days"),
    (("basket", "orders", "quantity", "order_sd", 28), {}, "order_sd of 'quantity' cannot be made of orders"),
    (("trend", "days", "amount", "weekly_slope", 30), {}, "weekly_slope needs whole weeks"),
    (("trend", "days", "amount", "weekly_slope", 7), {}, "weekly_slope needs two weeks at least"),
    (("promotion", "days", "ended_benefit_days", "last"), {}, "last of 'ended_benefit_days' cannot be made of days"),
    (("returns", "returns", "amount", "sum", 28), {}, "sum of 'amount' cannot be made of returns"),
    (("interaction", "views", "amount", "sum", 28), {}, "sum of 'amount' cannot be made of views"),
    (("experience", "views", "rating_points", "sum", 28), {}, "sum of 'rating_points' cannot be made of views"),
]


@pytest.mark.parametrize(("words", "more", "said"), MISTAKES, ids=[said[:40] for _, _, said in MISTAKES])
def test_way_1_a_mistaken_record_is_one_clear_line(words, more, said: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(said)):
        Feature(*words, **more)


TWICE = ("for records in FAMILY_RECORDS for", "for records in FAMILY_RECORDS * 2 for")
UNNAMED = ('Feature("recency", "days", "", "days_since_first")', 'Feature("", "days", "", "days_since_first")')
CATALOGUE_MISTAKES = [
    (*TWICE, "two records are called days_since_last_purchase; rename one"),
    (*UNNAMED, "expected a family of each record, got none of tenure_days"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), CATALOGUE_MISTAKES, ids=["twice", "no family"])
def test_way_1_a_mistaken_catalogue_is_one_clear_line(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    for package in ("contracts", "features"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "features" / "catalogue.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    code = "import features.catalogue"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode
    assert done.stderr.splitlines()[-1].startswith(f"contracts.errors.ParameterError: features/catalogue.py: {said}")


def test_way_2_a_new_kind_is_two_functions(guide: ModuleType) -> None:
    known = rich_stores.drawn(8, 110, 4)
    days = [Feature("monetary", "days", "amount", "largest", window) for window in (91, 28)]
    days.append(Feature("basket", "days", "lines", "largest"))
    frame = assert_engines_agree(known, days)
    assert list(frame.columns) == ["largest_amount_91d", "largest_amount_28d", "largest_lines_life"]
    assert days[0].meaning == "largest amount paid on one day in the last 91 days"
    assert frame["largest_lines_life"].max() > 1


def test_way_3_the_guide_s_sql_is_the_example_in_trials() -> None:
    (told,) = blocks("sql")
    kept = (ROOT / "trials" / "weekend_share.sql").read_text()
    assert told.split() == [word for line in kept.splitlines() if not line.startswith("--") for word in line.split()]
    rows = [("ann", 0, 9, 1, 5.0, 0.0), ("ann", 5, 9, 1, 5.0, 0.0), ("ann", 6, 20, 1, 5.0, 0.0)]
    known = stores.events(stores.drawn_lines([*rows, ("ann", 6, 21, 2, 5.0, 0.0)]))
    found = trial_columns([Trial("weekend_share", told)], known, stores.FIRST_DAY + timedelta(days=30))
    assert found["trial_weekend_share_13w"].tolist() == pytest.approx([2 / 3], rel=1e-6)
