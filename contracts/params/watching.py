"""What is watched after a model went live, and from where on it is an alert."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from contracts.params.base import Count, Money, Section, Share


class Monitor(Section):
    """Thresholds of the checks of stage `monitor`; each ends in passed, alert, or not enough data."""

    min_rows: Count = Field(default=100, description="rows on either side below which a check has not enough data")
    min_outcomes: Count = Field(
        default=30, description="matured outcomes of each kind below which live figures decide nothing"
    )
    psi_moved: Money = Field(default=0.1, description="population stability index from which a column has moved")
    psi_drifted: Money = Field(
        default=0.25, description="population stability index from which it has drifted: an alert"
    )
    false_discovery_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="share of false alarms among the columns said to differ (Benjamini-Hochberg)"
    )
    min_rehearsals: Count = Field(
        default=4, description="fitting cutoffs at which the drift check must have been rehearsed on earlier ones"
    )
    n_live_weeks: Count = Field(
        default=8, description="latest matured published weeks that calibration and ranking pool"
    )
    calibration_floor: Share = Field(default=0.03, description="calibration error below which there is no alert")
    max_auc_loss: Share = Field(default=0.03, description="AUC that live weeks may lose to the test cutoffs")
    max_overlap_loss: Share = Field(
        default=0.2, description="fall of the list's overlap below its usual one that is an alert (Jaccard)"
    )
    min_past_overlaps: Count = Field(
        default=4, description="pairs of consecutive published weeks that say what is usual"
    )
    max_champion_weeks: Count = Field(default=26, description="weeks since the champion's last label until it is old")
    n_weeks: Count = Field(default=52, description="published weeks looked back on at most")
    n_bootstrap: Annotated[int, Field(ge=100)] = Field(
        default=200, description="resamples of customers behind each interval"
    )
    n_customers: Annotated[int, Field(ge=1000)] = Field(
        default=10_000, description="customers drawn at random where there are more: what a check costs is bounded"
    )

    @model_validator(mode="after")
    def _thresholds_rise(self) -> Monitor:
        if self.psi_moved > self.psi_drifted:
            raise ValueError("expected psi_moved at most psi_drifted")
        return self
