"""Evidence for the lean features: what all of them reach, what each family adds, what the lean ones keep.

    python -m benchmarks.selection complete_journey=. online_retail_ii=SHOP@2011-07-18,2011-08-01,2011-08-15,2011-08-29

Each argument names a project with an ingested store, `name=folder`, and after `@` its test cutoffs where they are not
the product's own. How it is learned comes from `params.yaml` here, the same for every shop. Writes
docs/benchmarks/feature_selection.json and .md. The choice looks at inner forward folds alone; test cutoffs come after.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.selection_choice import candidates, choose, judge_inside, ranked
from benchmarks.selection_data import DataSet, read_data_set
from benchmarks.selection_page import page
from contracts import windows
from contracts.files import rounded, write_json, write_text
from features.catalogue import BY_NAME
from features.plan import BASELINE_FAMILIES
from models.evaluation import metrics
from models.evaluation.figures import Judged, gain, resampled
from models.evaluation.permutation import by_family
from models.recipe.fitting import choose_inside
from models.risk import Floats, sigmoid

Plain = dict[str, Any]
N_DRAWS = 500
DEFAULTS = Path("params.yaml")
SETTLED_BY_THE_FOLDS = ("season", "btyd")
"""Families of which it was open whether they help at all: the chosen set is judged without each, too."""


def arguments_of(text: str) -> tuple[str, Path, tuple[date, ...]]:
    """A data set as it is named on the command line.

    >>> arguments_of("shop=folder@2011-07-18,2011-08-01")[2]
    (datetime.date(2011, 7, 18), datetime.date(2011, 8, 1))
    """
    name, _, place = text.partition("=")
    folder, _, days = place.partition("@")
    return name, Path(folder), tuple(date.fromisoformat(day) for day in days.split(",") if day)


def inner_evidence(sets: Sequence[DataSet]) -> tuple[Plain, pd.DataFrame]:
    """Every tried set on the inner folds, the one that the rule chooses, and the table that ranks the features."""
    table = ranked(sets)
    tried = candidates(table)
    whole = {data.name: judge_inside(data, tried["all"]) for data in sets}

    def judged_on(names: Sequence[str]) -> Plain:
        return {data.name: judge_inside(data, names).plain(whole[data.name]) for data in sets}

    judged = {label: judged_on(names) for label, names in tried.items()}
    chosen = choose(judged)
    for family in SETTLED_BY_THE_FOLDS:
        judged[f"{chosen} without {family}"] = judged_on(
            [name for name in tried[chosen] if name not in by_family(tried[chosen]).get(family, [])]
        )
    return {"tried": judged, "chosen": chosen, "features": tried[chosen]}, table


def feature_sets(data: DataSet) -> dict[str, list[str]]:
    """All; all but a family; the families that are always computed; these and one more."""
    families = by_family(data.features)
    base = [name for family in BASELINE_FAMILIES for name in families[family]]
    sets = {"all": list(data.features), "always computed": base}
    sets |= {f"without {family}": [n for n in data.features if n not in names] for family, names in families.items()}
    more = {family: names for family, names in families.items() if family not in BASELINE_FAMILIES}
    return sets | {f"always computed and {family}": [*base, *names] for family, names in more.items()}


def as_the_product_does(data: DataSet, names: Sequence[str]) -> Floats:
    """Log-odds at the test cutoffs of the product's recipe with these features, its calibration included."""
    others = [name for name in data.features if name not in names]
    train = data.train.model_copy(update={"features": "all", "exclude_features": others})
    line = choose_inside(data.fit, data.label_days, train, data.execution).calibration
    return line.apply(data.predict(data.fit, data.test, names))


def judged_on_test(data: DataSet, lean: Sequence[str]) -> Judged:
    """The test rows and what each set of features says of them; 'lean' and 'full' as the product fits them."""
    raw = {label: data.predict(data.fit, data.test, names) for label, names in feature_sets(data).items()}
    raw |= {"lean": as_the_product_does(data, lean), "full": as_the_product_does(data, data.features)}
    predictions = {label: np.round(sigmoid(values), 6) for label, values in raw.items()}
    frame = data.test.frame
    customer = pd.factorize(frame["customer_id"])[0].astype(np.int64)
    keys = frame[["customer_id", "cutoff_on"]].reset_index(drop=True)
    return Judged(keys, data.test.lapsed, customer, windows.day_numbers(frame["cutoff_on"]), predictions)


def test_evidence(data: DataSet, lean: Sequence[str]) -> Plain:
    """Figures of the full and the lean set, and what each family adds, with paired 95 % intervals over customers."""
    judged = judged_on_test(data, lean)
    values = resampled(judged, N_DRAWS, data.execution.seed)

    def figures(label: str) -> Plain:
        p = judged.predictions[label]
        low, high = metrics.interval(values.drawn[label]["auc"])
        return {
            **values.plain[label],
            "auc_low": low,
            "auc_high": high,
            "calibration_error": metrics.calibration_error(p, judged.lapsed),
            "bias": float((p - judged.lapsed).mean()),
        }

    def gained(label: str, rival: str) -> Plain:
        return {metric: gain(values, label, rival, metric) for metric in ("log_loss", "auc")}

    families = by_family(data.features)
    return {
        "n_fit_rows": len(data.fit.lapsed),
        "n_test_rows": len(data.test.lapsed),
        "test_cutoffs": [day.isoformat() for day in data.test.cutoffs],
        "n_features": {"full": len(data.features), "lean": len(set(lean) & set(data.features))},
        "full": figures("full"),
        "lean": figures("lean"),
        "always_computed": figures("always computed"),
        "lean_over_full": gained("lean", "full"),
        "families": {
            family: {
                "n_features": len(names),
                "all_over_all_without_it": gained("all", f"without {family}"),
                "added_to_those_always_computed": None
                if family in BASELINE_FAMILIES
                else gained(f"always computed and {family}", "always computed"),
            }
            for family, names in families.items()
        },
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read the projects, choose on inner folds, then look at the test cutoffs; write both files."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("shops", nargs="+", help="name=folder[@test cutoffs]")
    arguments.add_argument("--out", type=Path, default=Path("docs/benchmarks"), help="folder, written")
    given = arguments.parse_args(argv)
    sets = [read_data_set(name, folder, DEFAULTS, test) for name, folder, test in map(arguments_of, given.shops)]
    inner, table = inner_evidence(sets)
    found = rounded(
        {
            "measured_on": datetime.now(UTC).date().isoformat(),
            "lean": [name for name in BY_NAME if name in inner["features"]],
            "inner_folds": {key: inner[key] for key in ("tried", "chosen")},
            "shares": {str(name): float(share) for name, share in table["share"].items()},
            "redundant": table.loc[table["group"] != table.index, "group"].to_dict(),
            "test": {data.name: test_evidence(data, inner["features"]) for data in sets},
        }
    )
    write_json(given.out / "feature_selection.json", found)
    write_text(given.out / "feature_selection.md", page(found))


if __name__ == "__main__":
    main()
