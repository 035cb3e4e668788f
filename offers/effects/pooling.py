"""What is believed of every offer in every group: the catalogue's priors and all matured waves together.

For a customer of wave w with lapse probability p0, of which a contact can act on q, treated (T = 1) or not:

    E[lapse] = α + β·p0 − save·reach·q·T + harm·(1 − p0)·T

α and β are learned from the same rows, so that a biased p0 cannot pass for an effect: a level common to all waves, a
deviation of each wave, and a shift of each offer × group (of those whom it was withheld from). Exploration's rows have
levels of their own, for the plan's selection is not a random one. save and harm of an offer in a group start from the
catalogue's mean and variance; offers share one shop-wide shift of each, and groups deviate from their offer. Their
total prior variance is the catalogue's, plus that of the shop-wide shift. How wide the shift is, whether offers lie
further from the catalogue than its strengths say, and how far groups differ, is chosen on a small grid by marginal
likelihood (empirical Bayes), less one for every step away from the catalogue: the experiments must speak clearly before
all of it is doubted.

The model is linear and Gaussian, with variance p0(1 − p0), a wave's precision halved every `collect.half_life_weeks`,
so the posterior is exact. Nothing is clipped: a posterior save may be negative and a harm too, for that is how an offer
that works against its purpose is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from contracts.errors import TimeError
from contracts.params.acting import Collect
from contracts.windows import WEEK_DAYS, day_number, day_numbers
from offers.catalogue import Catalogue
from offers.effects.design import Cells, Evidence, evidence
from offers.effects.extra import Extra, extras, prior_extra
from offers.effects.prior import GROUP_SPREADS, SHIFTS, WIDENED, Prior, Spread, covariance, prior_of
from offers.effects.rows import Floats, Ints, Rows, followed, rows_of, within_reach_of
from offers.effects.verdicts import offer_looks, verdicts

GRIDS = (("harm", SHIFTS), ("save", SHIFTS), ("offer", WIDENED), ("harm", SHIFTS), ("group", GROUP_SPREADS))


@dataclass(frozen=True)
class Posterior:
    """Mean (2 × cells: all saves, then all harms) and covariance of the same."""

    mean: Floats
    covariance: Floats
    spread: Spread


def learn(
    catalogue: Catalogue, groups: Sequence[str], outcomes: pd.DataFrame, collect: Collect, cutoff: date
) -> pd.DataFrame:
    """The table BELIEFS: a row for every offer of the catalogue in every group, the priors where nothing is known.

    `outcomes` is WAVE_OUTCOMES by the cutoff. Rows without p_lapse teach `extra` and the verdict alone; an offer that
    left the catalogue, and a group that no longer exists, teach the levels alone. `n_treated`, `n_control` and
    `last_wave` count all rows of the offer in the group.

    Raises:
        TimeError: an outcome window reaches beyond the cutoff.
    """
    cells = Cells(tuple(offer.id for offer in catalogue.offers), tuple(groups))
    prior = prior_of(catalogue, cells.groups)
    if not len(outcomes):
        return _table(catalogue, cells, Posterior(prior.mean, np.diag(prior.sd**2), Spread()))
    age_days = (day_number(cutoff) - day_numbers(outcomes["cutoff_on"])).astype(np.float64)
    _refuse_unmatured(outcomes, age_days, cutoff)
    discount = 0.5 ** (age_days / (WEEK_DAYS * collect.half_life_weeks))
    cell = cells.of(outcomes)
    held = posterior(prior, evidence(outcomes, cell, len(cells), discount), collect.group_sd)
    rows, cost = rows_of(outcomes), _costs(outcomes)
    beyond = extras(catalogue, rows, _believed_effect(outcomes, cell, held.mean), cost, discount)
    said = verdicts(offer_looks(rows), collect)
    return _table(catalogue, cells, held, extra=beyond, said=said, counted=_counted(rows, cell, len(cells)))


def _refuse_unmatured(outcomes: pd.DataFrame, age_days: Floats, cutoff: date) -> None:
    early = age_days - outcomes["horizon_days"].to_numpy() < 0
    if early.any():
        first = outcomes.loc[early, "wave"].iloc[0]
        raise TimeError(f"wave {first}: expected outcomes of windows that ended by {cutoff}; leave it out until then")


def posterior(prior: Prior, found: Evidence, group_sd: float) -> Posterior:
    """The exact Gaussian posterior, with the spread that has the greatest marginal likelihood."""
    taught = np.flatnonzero(np.diag(found.precision) > 0)
    spread = _chosen(prior, found, group_sd, taught) if len(taught) else Spread()
    before = covariance(prior, spread, group_sd)
    across = before[:, taught]
    gain, surprise = _gain(prior, found, before, taught)
    after = before - across @ gain @ across.T
    return Posterior(prior.mean + across @ surprise, after, spread)


def _gain(prior: Prior, found: Evidence, before: Floats, taught: Ints) -> tuple[Any, Any]:
    """(I + PK)⁻¹P and (I + PK)⁻¹(b − Pm) over the cells that were treated at all."""
    at = np.ix_(taught, taught)
    precision = found.precision[at]
    surprise = found.information[taught] - precision @ prior.mean[taught]
    both = np.column_stack([precision, surprise])
    solved = np.linalg.solve(np.eye(len(taught)) + precision @ before[at], both)
    return solved[:, :-1], solved[:, -1]


def _chosen(prior: Prior, found: Evidence, group_sd: float, taught: Ints) -> Spread:
    """Best on the grid, one quantity after another: shop-wide shifts, how far offers differ, then groups."""
    at = np.ix_(taught, taught)
    precision = found.precision[at]
    surprise = found.information[taught] - precision @ prior.mean[taught]
    best = Spread()
    scores: dict[Spread, float] = {}
    for name, grid in GRIDS:
        tried = [replace(best, **{name: k}) for k in range(len(grid))]
        for spread in tried:
            if spread not in scores:
                scores[spread] = _log_likelihood(precision, surprise, covariance(prior, spread, group_sd)[at])
        best = max(tried, key=lambda spread: scores[spread] - spread.doubt)
    return best


def _log_likelihood(precision: Floats, surprise: Floats, before: Floats) -> float:
    """Marginal, up to a constant: ½ s'K(I + PK)⁻¹s − ½ log|I + PK| with s = b − Pm; one factorisation for both."""
    from scipy.linalg import lu_factor, lu_solve  # noqa: PLC0415

    factors = lu_factor(np.eye(len(before)) + precision @ before, overwrite_a=True, check_finite=False)
    solved = lu_solve(factors, surprise, check_finite=False)
    return float(0.5 * (surprise @ before @ solved - np.log(np.abs(np.diag(factors[0]))).sum()))


def _costs(outcomes: pd.DataFrame) -> Floats:
    """Expected cost of each row's message and of what followed it, currency."""
    later = outcomes["follow_up_cost"] if "follow_up_cost" in outcomes.columns else 0.0
    return np.asarray(outcomes["offer_cost"] + later, dtype=np.float64)


def _believed_effect(outcomes: pd.DataFrame, cell: Ints, mean: Floats) -> Floats:
    """Fall of the lapse probability that is now believed of each row's offer; missing without p_lapse or cell."""
    p0, more = outcomes["p_lapse"].to_numpy(dtype=np.float64), followed(outcomes)
    save, harm = mean.reshape(2, -1)
    effect = within_reach_of(outcomes) * more.exposure * save[cell] - (1 - p0) * more.messages * harm[cell]
    return np.where(cell >= 0, effect, np.nan)


def _counted(rows: Rows, cell: Ints, n_cells: int) -> dict[str, list[Any]]:
    """Treated, controls and the latest wave of each cell."""
    known = cell >= 0
    counts = {
        name: np.bincount(cell[known & arm], minlength=n_cells).tolist()
        for name, arm in (("n_treated", rows.treated), ("n_control", ~rows.treated))
    }
    last = np.full(n_cells, -1)
    np.maximum.at(last, cell[known], rows.wave[known])
    return {**counts, "last_wave": [rows.waves[k] if k >= 0 else "" for k in last]}


def _table(
    catalogue: Catalogue,
    cells: Cells,
    held: Posterior,
    *,
    extra: Mapping[str, Extra] | None = None,
    said: Mapping[str, str] | None = None,
    counted: Mapping[str, list[Any]] | None = None,
) -> pd.DataFrame:
    n, n_groups = len(cells), len(cells.groups)
    beyond = extra or {offer.id: prior_extra(offer, catalogue) for offer in catalogue.offers}
    offers = [offer for offer in cells.offers for _ in range(n_groups)]
    variance = np.maximum(np.diag(held.covariance), 0.0)  # rounding may leave −1e-20 where nothing was ever in doubt
    return pd.DataFrame(
        {
            "offer": offers,
            "group": list(cells.groups) * len(cells.offers),
            "save": held.mean[:n],
            "save_variance": variance[:n],
            "harm": held.mean[n:],
            "harm_variance": variance[n:],
            "covariance": np.diag(held.covariance[:n, n:]),
            "extra": [beyond[offer][0] for offer in offers],
            "extra_variance": [beyond[offer][1] for offer in offers],
            "n_treated": [0] * n,
            "n_control": [0] * n,
            "verdict": [(said or {}).get(offer, "too early") for offer in offers],
            "last_wave": [""] * n,
        }
        | dict(counted or {})
    )
