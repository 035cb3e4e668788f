"""What is learned of save and harm: the priors, a dense second way, the truth, and a biased p0 that teaches nothing."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from benchmarks.effects.coverage import Truth, drawn_weeks
from contracts.errors import TimeError
from contracts.params.acting import Collect
from contracts.wave_tables import BELIEFS, WAVE_OUTCOMES
from offers.effects import design
from offers.effects.design import Cells, evidence, level_covariance
from offers.effects.extra import prior_extra
from offers.effects.pooling import learn, posterior
from offers.effects.prior import Spread, covariance, prior_of
from tests.offer_shops import CATALOGUE

COLLECT = Collect()
CUTOFF = date(2019, 1, 7)
GROUPS = ("a", "b")
OFFERS = tuple(offer.id for offer in CATALOGUE.offers if offer.needs_score)
REACH = 0.8


def weeks(seed, truth, *, n_weeks=8, n=200, offer=OFFERS[0], group="a"):
    found = drawn_weeks(np.random.default_rng(seed), n_weeks, n, truth)
    return found.assign(offer=offer, group=group, customer_id=offer + group + found["customer_id"])


def joined(*parts):
    return WAVE_OUTCOMES(pd.concat(parts, ignore_index=True))


def believed(beliefs, offer, outcomes, group="a"):
    """Fall in lapses that is believed of the treated, and its standard error."""
    row = beliefs[(beliefs["offer"] == offer) & (beliefs["group"] == group)].iloc[0]
    risk = outcomes["p_lapse"].mean()
    variance = (REACH * risk) ** 2 * row["save_variance"] + (1 - risk) ** 2 * row["harm_variance"]
    variance -= 2 * REACH * risk * (1 - risk) * row["covariance"]
    return REACH * risk * row["save"] - (1 - risk) * row["harm"], np.sqrt(variance)


def test_without_waves_it_is_the_catalogue():
    found = BELIEFS(learn(CATALOGUE, GROUPS, WAVE_OUTCOMES.empty(), COLLECT, CUTOFF))
    assert len(found) == len(CATALOGUE.offers) * 2
    for row in found.itertuples():
        offer = CATALOGUE.offer(row.offer)
        save, harm = offer.save_by_group.get(row.group, offer.save), offer.harm_by_group.get(row.group, offer.harm)
        assert (row.save, row.harm, row.covariance) == (save.mean, harm.mean, 0.0)
        assert (row.save_variance, row.harm_variance) == pytest.approx((save.variance, harm.variance), rel=1e-12)
        assert (row.extra, row.extra_variance) == prior_extra(offer, CATALOGUE)
        assert (row.n_treated, row.n_control, row.verdict, row.last_wave) == (0, 0, "too early", "")


def test_a_prior_of_a_group_is_kept():
    offer = CATALOGUE.offer(OFFERS[0])
    own = offer.model_copy(update={"save_by_group": {"b": offer.harm}})
    changed = CATALOGUE.model_copy(update={"offers": (own,)})
    found = learn(changed, GROUPS, WAVE_OUTCOMES.empty(), COLLECT, CUTOFF).set_index("group")
    assert found.loc["b", "save"] == offer.harm.mean
    assert found.loc["a", "save"] == offer.save.mean


@pytest.mark.parametrize("spread", [Spread(), Spread(save=1, harm=2, group=2)])
def test_prior_covariance_adds_up_to_the_catalogues(spread):
    prior = prior_of(CATALOGUE, GROUPS)
    total = covariance(prior, spread, 0.5)
    shop_wide = total - covariance(prior, Spread(group=spread.group), 0.5)
    own = np.diag(total - shop_wide)
    declared = prior.sd > 0
    assert own[declared] == pytest.approx(prior.sd[declared] ** 2)
    assert np.linalg.eigvalsh(total).min() > -1e-12


def test_it_equals_a_dense_bayesian_regression():
    """All levels and cells as explicit columns, one big matrix inverted; the same posterior of the cells."""
    outcomes = joined(
        weeks(1, Truth(), n_weeks=3, n=60),
        weeks(2, Truth(), n_weeks=2, n=60, group="b"),
        weeks(3, Truth(), n_weeks=3, n=60, offer=OFFERS[1]),
    )
    cells, prior = Cells(OFFERS[:2], GROUPS), prior_of(_two_offers(), GROUPS)
    discount = np.linspace(0.3, 1.0, len(outcomes))
    held = posterior(prior, evidence(outcomes, cells.of(outcomes), 4, discount), COLLECT.group_sd)

    waves, strata = sorted(set(outcomes["wave"])), [("a", OFFERS[0]), ("b", OFFERS[0]), ("a", OFFERS[1])]
    rows = []
    for row in outcomes.itertuples():
        risk = row.p_lapse
        levels = [float(row.wave == w) for w in waves] + [risk * (row.wave == w) for w in waves]
        levels += [float((row.group, row.offer) == stratum) for stratum in strata]
        own = [float((row.offer, row.group) == (o, g)) * (row.arm == "treated") for o in OFFERS[:2] for g in GROUPS]
        rows.append([*levels, *(-row.reach * risk * x for x in own), *((1 - risk) * x for x in own)])
    matrix, n_levels = np.array(rows), 2 * len(waves) + len(strata)
    risk = outcomes["p_lapse"].to_numpy()
    weight = discount / np.maximum(risk * (1 - risk), 0.05 * 0.95)
    before = np.zeros((n_levels + 8, n_levels + 8))
    for at, (common, each) in ((0, (0.2, 0.03)), (len(waves), (0.5, 0.1))):
        block = slice(at, at + len(waves))
        before[block, block] = common**2 + each**2 * np.eye(len(waves))
    before[2 * len(waves) : n_levels, 2 * len(waves) : n_levels] = 0.03**2 * np.eye(len(strata))
    before[n_levels:, n_levels:] = covariance(prior, held.spread, COLLECT.group_sd)
    mean = np.concatenate([np.zeros(n_levels), prior.mean])
    after = np.linalg.inv(np.linalg.inv(before) + matrix.T @ (weight[:, None] * matrix))
    response = outcomes["lapsed"].to_numpy(dtype=float) - risk
    expected = after @ (np.linalg.solve(before, mean) + matrix.T @ (weight * response))
    assert held.mean == pytest.approx(expected[n_levels:], rel=1e-6, abs=1e-9)
    assert held.covariance == pytest.approx(after[n_levels:, n_levels:], rel=1e-6, abs=1e-10)


def _two_offers():
    return CATALOGUE.model_copy(update={"offers": tuple(CATALOGUE.offer(name) for name in OFFERS[:2])})


def test_levels_are_shared_by_blocks_of_one_purpose():
    found = level_covariance(np.array([False, True, False]), 7)
    assert found[0, 2] == pytest.approx(0.2**2)
    assert found[0, 1] == 0
    assert found[6, 6] == pytest.approx(0.03**2)


def test_it_finds_the_truth():
    outcomes = joined(weeks(4, Truth(save=0.5, harm=0.02, control_share=0.4), n_weeks=30, n=700))
    found = BELIEFS(learn(CATALOGUE, GROUPS, outcomes, COLLECT, date(2017, 9, 4)))
    effect, error = believed(found, OFFERS[0], outcomes)
    truth = outcomes["effect"].mean()
    assert error < 0.01
    assert abs(effect - truth) < 3 * error
    row = found[(found["offer"] == OFFERS[0]) & (found["group"] == "a")].iloc[0]
    assert (row["n_treated"], row["n_control"], row["last_wave"]) == (12_600, 8_400, "2017-W30")


@pytest.mark.parametrize(("bias", "least", "most"), [(-0.012, 0.3, 0.7), (-0.03, -0.7, 0.0)])
def test_a_biased_p0_does_not_pass_for_an_effect(monkeypatch, bias, least, most):
    """An effect near .023: without α and β a bias of .012 halves it, one of .03 reverses it."""
    outcomes = joined(weeks(9, Truth(save=0.106, harm=0.0, bias=bias, control_share=0.4), n_weeks=40, n=2_500))
    truth = outcomes["effect"].mean()
    assert truth == pytest.approx(0.023, abs=0.003)
    effect, error = believed(learn(CATALOGUE, GROUPS, outcomes, COLLECT, date(2017, 11, 13)), OFFERS[0], outcomes)
    assert abs(effect - truth) < 3 * error
    for name, value in (("COMMON_SD", (1e-6, 1e-6)), ("WAVE_SD", (1e-6, 1e-6)), ("STRATUM_SD", 1e-6)):
        monkeypatch.setattr(design, name, value)
    naive, _ = believed(learn(CATALOGUE, GROUPS, outcomes, COLLECT, date(2017, 11, 13)), OFFERS[0], outcomes)
    assert least < naive / truth < most


def test_harm_by_all_offers_is_learned_of_an_offer_with_little_data():
    nasty = Truth(save=0.0, harm=0.12)
    many = [weeks(20 + k, nasty, offer=name, n_weeks=10, n=250) for k, name in enumerate(OFFERS[:4])]
    few = weeks(30, nasty, offer=OFFERS[4], n_weeks=1, n=20)
    outcomes = joined(*many, few)
    together = learn(CATALOGUE, GROUPS, outcomes, COLLECT, CUTOFF)
    alone = learn(CATALOGUE, GROUPS, joined(few), COLLECT, CUTOFF)
    assert believed(alone, OFFERS[4], outcomes)[0] > 0
    assert believed(together, OFFERS[4], outcomes)[0] < -0.03
    assert believed(together, OFFERS[5], outcomes)[0] < 0


def test_customers_without_a_score_do_not_teach_save_or_harm():
    unscored = weeks(6, Truth(save=0.6), n_weeks=4).assign(p_lapse=np.nan, risk_band="unscored")
    found = learn(CATALOGUE, GROUPS, joined(unscored), COLLECT, CUTOFF)
    row = found[(found["offer"] == OFFERS[0]) & (found["group"] == "a")].iloc[0]
    offer = CATALOGUE.offer(OFFERS[0])
    assert (row["save"], row["harm"]) == pytest.approx((offer.save.mean, offer.harm.mean))
    assert row["n_treated"] == 560


def test_groups_may_differ():
    outcomes = joined(
        weeks(7, Truth(save=0.7, harm=0.0), n_weeks=20, n=500),
        weeks(8, Truth(save=0.0, harm=0.0), n_weeks=20, n=500, group="b"),
    )
    found = learn(CATALOGUE, GROUPS, outcomes, COLLECT, CUTOFF)
    assert believed(found, OFFERS[0], outcomes)[0] > believed(found, OFFERS[0], outcomes, "b")[0] + 0.03


def test_old_waves_count_less():
    outcomes = joined(weeks(10, Truth(save=0.6, harm=0.0)))
    soon, late = (learn(CATALOGUE, GROUPS, outcomes, COLLECT, day) for day in (date(2017, 4, 3), date(2027, 4, 5)))
    declared = believed(learn(CATALOGUE, GROUPS, outcomes[:0], COLLECT, CUTOFF), OFFERS[0], outcomes)[0]
    assert believed(late, OFFERS[0], outcomes)[0] == pytest.approx(declared, abs=0.001)
    assert believed(soon, OFFERS[0], outcomes)[0] > declared + 0.01


def test_extra_is_what_retention_and_cost_leave_unexplained():
    """Six more of margin for every treated customer move the belief upwards, by less than six: the prior is tight."""
    outcomes = joined(weeks(11, Truth(save=0.0, harm=0.0, tail=0.3), n_weeks=10, n=400))
    more = outcomes.assign(margin=outcomes["margin"] + 6.0 * (outcomes["arm"] == "treated"))
    before, after = (learn(CATALOGUE, GROUPS, table, COLLECT, CUTOFF)["extra"] for table in (outcomes, more))
    row = CATALOGUE.offers.index(CATALOGUE.offer(OFFERS[0])) * 2
    assert 1.0 < after[row] - before[row] < 6.0
    assert (after.drop([row, row + 1]) == before.drop([row, row + 1])).all()


def test_outcomes_that_cannot_be_known_yet_are_refused():
    with pytest.raises(TimeError, match="2017-W02"):
        learn(CATALOGUE, GROUPS, weeks(12, Truth(), n_weeks=2), COLLECT, date(2017, 1, 30))
