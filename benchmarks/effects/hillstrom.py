"""What learned offers bring on a real randomised campaign: Hillstrom's e-mails, 64,000 customers, three equal arms.

    REGULARS_BENCHMARK_DATA=folder python -m benchmarks.effects.hillstrom --splits 20

The folder holds hillstrom/hillstrom.parquet; it is read there and never copied. Policies are learned on a random half
and judged on the other by doubly robust scores. Intervals over splits know that splits overlap: the corrected resampled
variance of Nadeau and Bengio (2003), (1/J + n_test/n_train)·s², with J − 1 degrees of freedom.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from contracts.errors import SourceError
from models.learners import quantile_logit
from models.risk import Floats
from models.uplift.judging import best_arms, calibration, qini
from models.uplift.learner import fit
from models.uplift.scores import Z95, Estimate, arm_scores, chosen_policy, cross_predictions, mean_of, policy_scores
from models.uplift.trial import Ints, Trial, trial_of
from offers.catalogue import Prior as Share
from offers.effects.design import evidence
from offers.effects.pooling import Posterior, posterior
from offers.effects.prior import Prior

Row = dict[str, Any]
FOLDER = "REGULARS_BENCHMARK_DATA"
ARMS = ("none", "men's e-mail", "women's e-mail")
SEGMENTS = {"No E-Mail": ARMS[0], "Mens E-Mail": ARMS[1], "Womens E-Mail": ARMS[2]}
NUMBERS = ("recency", "history", "mens", "womens", "newbie")
TEXTS = ("zip_code", "channel")
OUTCOMES = ("spend", "visit")
PUBLISHED = {"men's e-mail": 1.42, "women's e-mail": 1.08, "none": 0.65}
"""Spend per head, as published with the challenge."""
LEARNED = {name: f"learned by {name}" for name in OUTCOMES}
SAVE, HARM = Share(mean=0.05, strength=20), Share(mean=0.01, strength=50)
"""What is believed of an e-mail before the campaign, as a catalogue would say it."""
GROUP, GROUP_SD = "everyone", 0.5
MENS_TO_TOP_HALF = "men's e-mail to the half likeliest not to visit"


@dataclass(frozen=True)
class Campaign:
    """The customers: numbers that the shop knew, and a trial with each outcome."""

    features: pd.DataFrame
    trials: Mapping[str, Trial]

    def __len__(self) -> int:
        return len(self.features)


def source() -> Path:
    """Where the campaign stands.

    Raises:
        SourceError: the variable is not set, or the file is not there.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        raise SourceError(f"expected the folder of benchmark data in {FOLDER}, found it unset; set it")
    path = Path(folder) / "hillstrom" / "hillstrom.parquet"
    if not path.exists():
        raise SourceError(f"expected {path}, found none; put Hillstrom's 64,000 rows there as published")
    return path


def campaign(path: Path) -> Campaign:
    """The published rows as trials."""
    rows = pd.read_parquet(path)
    dummies = [pd.get_dummies(rows[name], prefix=name) for name in TEXTS]
    features = pd.concat([rows[list(NUMBERS)], *dummies], axis=1).astype("float64")
    drawn = rows["segment"].map(SEGMENTS).tolist()
    chance = np.full((len(rows), len(ARMS)), 1 / len(ARMS))
    names = list(features.columns)
    return Campaign(
        features,
        {
            outcome: trial_of(
                features, names, ARMS, drawn=drawn, propensity=chance, outcome=rows[outcome].to_numpy(dtype=np.float64)
            )
            for outcome in OUTCOMES
        },
    )


def averages(found: Campaign) -> list[Row]:
    """Mean outcome of each arm as drawn, with a 95 % interval."""
    rows = []
    for outcome, trial in found.trials.items():
        for number, arm in enumerate(ARMS):
            own = trial.drawn == number
            mean = mean_of(trial.outcome[own], trial.customer[own])
            rows.append(_row(f"{outcome} as drawn", arm, len(found), mean, []))
    return rows


def halves(n: int, seed: int) -> tuple[Ints, Ints]:
    """Positions of the half to learn on and the half to judge on."""
    order = np.random.default_rng(seed).permutation(n)
    return order[: n // 2], order[n // 2 :]


def policies(found: Campaign, learn: Ints, judge: Ints) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Every policy's probabilities on the half to judge, and the effects learned for each outcome there."""
    n_arms, frame = len(ARMS), found.features.iloc[judge]
    effects = {name: fit(found.trials[name].at(learn)).predict(frame) for name in OUTCOMES}
    chance = found.trials["spend"].propensity[judge]
    own = {LEARNED[name]: chosen_policy(best_arms(each, chance), n_arms) for name, each in effects.items()}
    fixed = {f"{arm} to all": _always(number, len(judge)) for number, arm in enumerate(ARMS) if number}
    rest = {"none": _always(0, len(judge)), "random third": chance, MENS_TO_TOP_HALF: _by_risk(found, learn, judge)}
    return own | fixed | rest, effects


def _always(arm: int, n: int) -> Floats:
    return chosen_policy(np.full(n, arm), len(ARMS))


def _by_risk(found: Campaign, learn: Ints, judge: Ints) -> Floats:
    """What churn products do: the half with the highest predicted probability of no visit gets the men's e-mail."""
    risk = not_visiting(found, learn, judge)
    return chosen_policy((risk >= np.median(risk)).astype(np.int64), len(ARMS))


def not_visiting(found: Campaign, learn: Ints, judge: Ints) -> Floats:
    """Probability of no visit if not contacted, fitted on the control arm of the half to learn on."""
    trial = found.trials["visit"].at(learn)
    control = trial.at(trial.drawn == 0)
    model = quantile_logit.fit("no visit", control.frame, control.outcome == 0, trial.features)
    return model.predict(found.features.iloc[judge])


def judged(found: Campaign, seed: int) -> dict[tuple[str, str], float]:
    """One split: by (metric, policy) the value of each policy, what the learned gain over it, and Qini coefficients."""
    learn, judge = halves(len(found), seed)
    tried, effects = policies(found, learn, judge)
    figures: dict[tuple[str, str], float] = {}
    for outcome in OUTCOMES:
        trial = found.trials[outcome].at(judge)
        scores = arm_scores(trial, cross_predictions(trial))
        values = {name: float(policy_scores(scores, each).mean()) for name, each in tried.items()}
        figures |= {(f"{outcome} per head", name): value for name, value in values.items()}
        figures |= _gains(outcome, values)
        for number, arm in enumerate(ARMS[1:], start=1):
            own = qini(effects[outcome][:, number], scores[:, number] - scores[:, 0], trial.customer)
            figures[f"qini {outcome}", arm] = own.coefficient.value
    for name, each in effects.items():
        for number, arm in enumerate(ARMS):
            figures[f"share sent by {LEARNED[name]}", arm] = float((each.argmax(axis=1) == number).mean())
    return figures


def _gains(outcome: str, values: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """What each learned policy gains over each other, paired."""
    return {
        (f"{outcome} per head, {own} less rival", rival): values[own] - value
        for own in LEARNED.values()
        for rival, value in values.items()
        if rival not in LEARNED.values()
    }


def over_splits(runs: Sequence[float], n_learn: int, n_judge: int) -> Estimate:
    """The mean over random splits, with the corrected resampled variance of Nadeau and Bengio (2003)."""
    n, mean = len(runs), float(np.mean(runs))
    if n < 2:
        return Estimate(mean, float("nan"), float("nan"), float("nan"))
    se = float(np.sqrt((1 / n + n_judge / n_learn) * np.var(runs, ddof=1)))
    reach = float(stdtrit(n - 1, 0.975)) * se
    return Estimate(mean, mean - reach, mean + reach, se)


def calibrated(found: Campaign, seed: int) -> list[Row]:
    """Predicted against found effects on visits, by tenth, of one split."""
    learn, judge = halves(len(found), seed)
    trial = found.trials["visit"].at(judge)
    effects, scores = (
        fit(found.trials["visit"].at(learn)).predict(trial.frame),
        arm_scores(trial, cross_predictions(trial)),
    )
    rows = []
    for number, arm in enumerate(ARMS[1:], start=1):
        table = calibration(effects[:, number], scores[:, number] - scores[:, 0], trial.customer)
        for tenth in table.to_dict("records"):
            own = Estimate(tenth["found"], tenth["low"], tenth["high"], float("nan"))
            metric = f"visit effect, tenth {tenth['tenth']}, predicted {tenth['predicted']:.4f}"
            rows.append(_row(metric, arm, len(judge), own, [seed]))
    return rows


def own_parameters(found: Campaign) -> list[Row]:
    """save, harm and effect of each e-mail as the product would believe them; no visit is the lapse.

    p0 of each half is fitted on the control arm of the other. The effect is that on a customer of mean p0.
    """
    learn, judge = halves(len(found), 0)
    risk = np.zeros(len(found))
    risk[judge], risk[learn] = not_visiting(found, learn, judge), not_visiting(found, judge, learn)
    held = believed(found.trials["visit"], risk)
    p0 = float(risk.mean())
    contrasts = {"save": (1.0, 0.0), "harm": (0.0, 1.0), "effect on visits": (p0, p0 - 1)}
    return [
        _row(f"{metric}, no visit as lapse", arm, len(found), _contrast(held, number, weights), [0])
        for metric, weights in contrasts.items()
        for number, arm in enumerate(ARMS[1:])
    ]


def believed(trial: Trial, risk: Floats) -> Posterior:
    """The posterior of save and harm of both e-mails, from rows in which one of them, or none, was drawn."""
    drawn = np.array(ARMS)[trial.drawn]
    rows = pd.DataFrame(
        {
            "wave": "2008-W01",
            "purpose": "exploration",
            "arm": np.where(trial.drawn > 0, "treated", "control"),
            "offer": drawn,
            "group": GROUP,
            "p_lapse": risk,
            "reach": 1.0,
            "lapsed": trial.outcome == 0,
        }
    )
    n = len(ARMS) - 1
    mean, sd = np.repeat([SAVE.mean, HARM.mean], n), np.sqrt(np.repeat([SAVE.variance, HARM.variance], n))
    seen = evidence(rows, trial.drawn - 1, n, np.ones(len(rows)))
    return posterior(Prior(mean, sd, n_groups=1), seen, GROUP_SD)


def _contrast(held: Posterior, number: int, weights: tuple[float, float]) -> Estimate:
    """So much of an e-mail's save and of its harm."""
    own = np.zeros(len(held.mean))
    own[[number, number + len(own) // 2]] = weights
    mean, se = float(own @ held.mean), float(np.sqrt(own @ held.covariance @ own))
    return Estimate(mean, mean - Z95 * se, mean + Z95 * se, se)


def _row(metric: str, policy: str, customers: int, own: Estimate, seeds: Sequence[int]) -> Row:
    value, low, high = (float(f"{x:.6g}") if np.isfinite(x) else None for x in (own.value, own.low, own.high))
    return {
        "metric": metric,
        "policy": policy,
        "preset": "hillstrom",
        "customers": customers,
        "value": value,
        "low": low,
        "high": high,
        "seeds": list(seeds),
    }


def measured(path: Path, splits: int) -> list[Row]:
    """Everything: averages, policies over random splits, calibration, and the product's own parameters."""
    found = campaign(path)
    seeds = list(range(splits))
    runs = [judged(found, seed) for seed in seeds]
    n_learn, n_judge = (len(half) for half in halves(len(found), 0))
    rows = averages(found)
    for metric, policy in runs[0]:
        own = over_splits([run[metric, policy] for run in runs], n_learn, n_judge)
        rows.append(_row(metric, policy, n_judge, own, seeds))
    return rows + calibrated(found, 0) + own_parameters(found)


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Read the command line, measure, print."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.effects.hillstrom", description=__doc__)
    arguments.add_argument("--splits", type=int, default=20, help="random halves to learn and judge on")
    found = measured(source(), arguments.parse_args(argv).splits)
    for row in found:
        print(f"{row['metric']}, {row['policy']}: {row['value']} ({row['low']} to {row['high']})")
    return found


if __name__ == "__main__":
    main()
