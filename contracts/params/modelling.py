"""Cutoffs, features, the model, how it is judged and registered, and this week's scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.params.base import Count, Money, Rising, Section, Share


class Snapshot(Section):
    """At which Mondays customers are judged."""

    n_test_cutoffs: Count = Field(description="latest matured weekly cutoffs that are judged")
    train_every_weeks: Count = Field(description="weeks between training cutoffs")
    min_history_days: Count = Field(description="days of sales that must lie before a training cutoff")
    min_labels: Count = Field(default=100, description="labels of the test fit below which there is no model")
    min_outcomes: Annotated[int, Field(ge=5)] = Field(
        default=10, description="labels of each outcome, lapsed and kept, below which there is no model"
    )
    max_fit_customers: Count = Field(
        default=100_000,
        description="customers above whom a sample of about so many, drawn by id, fits and judges; scored is everyone",
    )


class Featurize(Section):
    """Which features are computed, and by which engine."""

    families: list[str] = Field(
        description="families to compute beside those that baselines read; with `features` empty too, all"
    )
    features: list[str] = Field(default_factory=list, description="single features to compute beside the families")
    trials: list[str] = Field(default_factory=list, description="SQL files of trials/ to compute too, without '.sql'")
    engine: Literal["kernel", "reference"] = Field(
        default="kernel", description="kernel: compiled; reference: pandas, the slow oracle; equal within 1e-5"
    )


class LightGbm(Section):
    """LightGBM's parameters, by its own names where it has one."""

    num_trees: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    num_leaves: Annotated[int, Field(ge=2)]
    min_leaf_share: Share = Field(
        description="rows in a leaf at least, as a share of the training rows (never below 5)"
    )
    feature_fraction: Annotated[float, Field(gt=0, le=1)]
    bagging_fraction: Annotated[float, Field(gt=0, le=1)]
    lambda_l2: Money
    extra_trees: bool
    max_bin: Annotated[int, Field(ge=15, le=1023)]
    n_bags: Count = Field(description="models with different seeds, averaged")
    share_above_rows: Count = Field(
        default=20_000_000, description="rows of a fit above which machines share it; below, one machine is faster"
    )
    n_machines: Annotated[int, Field(ge=2)] = Field(
        default=2, description="workers that share such a fit (LightGBM's data-parallel trees, which differ a little)"
    )
    monotone_silence: bool = Field(
        default=False, description="all else equal, a longer silence never lowers the risk (a constraint on the trees)"
    )


UnderContact = Literal["ignore", "mask", "weight", "begun"]


class Train(LightGbm):
    """How risk is learned."""

    features: Literal["lean", "all"] = Field(
        default="lean",
        description="what the model reads: the list of models/recipe/lean.py, or all; baselines: all",
    )
    exclude_features: list[str] = Field(
        description="features that are computed, yet shown neither to the model nor to the baselines"
    )
    n_inner_cutoffs: Count = Field(description="last training cutoffs, used to choose calibration and penalties")
    n_inner_folds: Count = Field(default=3, description="inner forward folds of the contest and of tuning")
    calibrations: list[Literal["shift", "platt", "beta", "isotonic"]] = Field(
        default=["shift", "platt", "beta", "isotonic"],
        description="maps that may be put on the model if inner folds ask for one; [] leaves it as it is",
    )
    contest_below: Annotated[int, Field(ge=0)] = Field(
        default=2000, description="labels of the rarer outcome below which simple models and a blend compete"
    )
    n_trials: Annotated[int, Field(ge=0)] = Field(
        default=0, description="trials of the search for LightGBM's parameters on inner folds; 0: none"
    )
    under_contact: UnderContact = Field(
        default="begun",
        description="labels whose window an experiment of the shop's own shares: ignore that; mask (leave the treated "
        "out); weight (and let controls stand for them); begun (leave out those treated by the cutoff)",
    )


class Evaluate(Section):
    """How a release is judged."""

    n_bootstrap: Annotated[int, Field(ge=100)] = Field(description="resamples of customers behind each interval")
    n_origins: Annotated[int, Field(ge=0)] = Field(
        default=6, description="origins spread over the history at which the recipe is fitted anew and judged; 0: none"
    )
    capacity: Count = Field(description="customers a team can work through in a week: the K of top-K figures")
    max_auc_loss: Share = Field(description="gate: AUC that a release may lose to the best baseline")
    customer_value: Annotated[float, Field(gt=0)] = Field(
        description="profit figures: worth of a kept customer, in store currency"
    )
    contact_cost: Money = Field(description="profit figures: cost of one contact, in store currency")
    incentive_cost: Money = Field(description="profit figures: cost of one accepted offer, in store currency")
    save_rate_alpha: Annotated[float, Field(gt=0)] = Field(
        description="profit: Beta prior of the acceptance rate, first"
    )
    save_rate_beta: Annotated[float, Field(gt=0)] = Field(
        description="profit: Beta prior of the acceptance rate, second"
    )


NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$"


class Register(Section):
    """Names in MLflow."""

    experiment_name: str = Field(pattern=NAME, description="MLflow's experiment")
    model_name: str = Field(pattern=NAME, description="the registered model; another label has a name of its own")
    max_log_loss_loss: Money = Field(
        default=0.001,
        description="promotion: log loss (nats) that a challenger may lose to the champion at worst (95 %)",
    )
    reviewer_is_not_author: bool = Field(
        default=False, description="promotion: whoever wrote the candidate's commit may not be its reviewer"
    )
    auto_promote: bool = Field(
        default=False, description="a challenger that is better by interval becomes champion by itself, unreviewed"
    )


class Score(Section):
    """This week's customers."""

    n_reasons: Annotated[int, Field(ge=1, le=6)] = Field(description="reasons given a customer")
    n_explained: Count = Field(description="customers with the highest expected loss who get reasons")
    change_step: Share = Field(description="'up' or 'down' if p_lapse moved by more than this within a week")
    risk_band_edges: Annotated[list[Share], Rising] = Field(
        description="lower edges of the bands 'medium' and 'high'", min_length=2, max_length=2
    )
