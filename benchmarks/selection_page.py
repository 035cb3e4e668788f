"""The evidence for the lean features as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from features.catalogue import BY_NAME
from models.evaluation.permutation import by_family

HOW = """\
To reproduce: `regulars init` and `dvc repro ingest` on both data sets (Online Retail II with `task.label: flat`,
`horizon_days: 90`, `active_days: 180`, Europe/London), then here

    python -m benchmarks.selection complete_journey=. online_retail_ii=SHOP@2011-07-18,2011-08-01,2011-08-15,2011-08-29

One set of defaults (`params.yaml`) for both. Means over the test cutoffs; 95 % intervals are a paired bootstrap over
customers; a gain above 0 is better."""

CHOICE = """\
Four forward folds inside the fit cutoffs, three cutoffs judged in each by all whose windows had ended; one bag. The
test cutoffs play no part. Features are ranked by their share of the log-odds (TreeSHAP) on the judged rows, mean of
the shops that record them; of features that correlate by rank from .95 on in both, the most used stays; counts over
more than half a year and the tenure are left out, since in a short history they tell the date and extrapolate (but
for counts of the same season a year before, which have that fault too: with those left out as well, no set of any
size kept within .001 AUC of all features on both). Rule: of the sets that lose at most .001 AUC to all features on
either shop, or one standard error of that loss, the smallest within one standard error of the best log loss on both.
The set that it chooses is the default list, `models/recipe/lean.py`."""


NOISE = """\
Neighbouring sizes differ by less than their standard errors: the rule settles the size, the folds hardly do. Fits are
uncalibrated here, so that on a shop with a strong season the log loss of a set is mostly its bias."""

FAMILIES_HEAD = """\
| family | features | log loss gained: all over all without it | AUC: the same | log loss gained: added to base |
|---|---|---|---|---|"""

FITTED = """\
'full' and 'lean' are fitted as the product does, its calibration included; the families' tables compare uncalibrated
fits. 'Base' are the families that are always computed: recency, frequency, monetary, gaps, btyd."""


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"


def _figures(label: str, n: int, found: Mapping[str, float]) -> str:
    return (
        f"| {label} | {n} | {found['auc']:.4f} [{found['auc_low']:.4f}, {found['auc_high']:.4f}] "
        f"| {found['log_loss']:.4f} | {found['brier']:.4f} | {found['calibration_error']:.4f} | {found['bias']:+.4f} |"
    )


def _test_part(shop: str, found: Mapping[str, Any]) -> Iterable[str]:
    days = found["test_cutoffs"]
    lean = found["lean_over_full"]
    yield f"### {shop}: test cutoffs {', '.join(days)}"
    yield (
        f"{found['n_fit_rows']:,} rows to fit, {found['n_test_rows']:,} to judge. Lean less full: log loss gained "
        f"{_interval(lean['log_loss'])}, AUC gained {_interval(lean['auc'])}."
    )
    yield "\n".join(
        [
            "| features | number | AUC | log loss | Brier | calibration error | bias |\n|---|---|---|---|---|---|---|",
            _figures("full", found["n_features"]["full"], found["full"]),
            _figures("lean", found["n_features"]["lean"], found["lean"]),
        ]
    )
    yield "\n".join(
        [
            FAMILIES_HEAD,
            *(_family_row(name, one) for name, one in found["families"].items()),
        ]
    )


def _family_row(name: str, found: Mapping[str, Any]) -> str:
    without, added = found["all_over_all_without_it"], found["added_to_those_always_computed"]
    told = _interval(added["log_loss"]) if added else "in the base"
    return (
        f"| {name} | {found['n_features']} | {_interval(without['log_loss'])} | {_interval(without['auc'])} | {told} |"
    )


def _tried(found: Mapping[str, Any]) -> Iterable[str]:
    shops = list(found["tried"]["all"])
    head = " | ".join(f"{shop}: log loss | less all (standard error) | AUC | absolute bias" for shop in shops)
    yield f"| set | {head} |\n|---|{'---|' * 4 * len(shops)}"
    for label, told in found["tried"].items():
        cells = " | ".join(
            f"{one['log_loss']:.4f} | {one['log_loss_less_all']:+.4f} ({one['standard_error']:.4f}) "
            f"| {one['auc']:.4f} | {one['absolute_bias']:.3f}"
            for one in told.values()
        )
        yield f"| {'**' + label + '**' if label == found['chosen'] else label} | {cells} |"


def _listed(names: Iterable[str]) -> Iterable[str]:
    for family, members in by_family(sorted(names, key=list(BY_NAME).index)).items():
        yield f"- {family}: {', '.join(f'`{name}`' for name in members)}"


def page(found: Mapping[str, Any]) -> str:
    """The whole page in Markdown."""
    parts = [
        "# Lean features: the evidence",
        f"Measured {found['measured_on']}. {HOW}",
        "## On the test cutoffs",
        *(part for shop, told in found["test"].items() for part in _test_part(shop, told)),
        FITTED,
        "## How the lean ones were chosen",
        CHOICE,
        "\n".join(_tried(found["inner_folds"])),
        NOISE,
        f"## The {len(found['lean'])} lean features",
        "\n".join(_listed(found["lean"])),
    ]
    return "\n\n".join(parts) + "\n"
