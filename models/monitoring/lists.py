"""The list's turnover: how like this week's list is last week's, beside what earlier weeks showed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from itertools import pairwise
from statistics import median

from contracts.params import Monitor
from contracts.windows import WEEK_DAYS
from models.monitoring.checks import Check, judged, undecided

CODE = "LIST_TURNOVER"


def overlap(one: Collection[str], other: Collection[str]) -> float:
    """Jaccard overlap of two lists: who is on both, of all who are on one; 1 for two empty ones.

    >>> overlap(["ann", "bob", "cy"], ["bob", "cy", "dee"])
    0.5
    """
    both, either = set(one) & set(other), set(one) | set(other)
    return len(both) / len(either) if either else 1.0


def overlaps(lists: Mapping[date, Collection[str]]) -> dict[date, float]:
    """The overlap of each week's list with that of the Monday before, where that week was published too."""
    days = sorted(lists)
    return {
        later: overlap(lists[earlier], lists[later])
        for earlier, later in pairwise(days)
        if (later - earlier).days == WEEK_DAYS
    }


def turnover(past: Mapping[date, Collection[str]], this: Collection[str], on: date, params: Monitor) -> Check:
    """An alert if the overlap is less than in every past week, and `max_overlap_loss` below the usual (median) one."""
    found = overlaps({**past, on: this})
    now = found.pop(on, None)
    if now is None:
        return undecided(CODE, "no list was published for the Monday before", on.isoformat())
    if len(found) < params.min_past_overlaps:
        why = f"overlap with last week's list {now:.2f}; {len(found)} earlier pairs of weeks to say what is usual"
        return undecided(CODE, f"{why}, expected {params.min_past_overlaps}", on.isoformat())
    usual, least = median(found.values()), min(found.values())
    threshold = min(usual - params.max_overlap_loss, least)
    before = f"{len(found)} earlier pairs of weeks: usually {usual:.2f}, at least {least:.2f}"
    what = f"overlap with last week's list {now:.2f}; {before}"
    return judged(CODE, now < threshold, what, number=now, threshold=threshold, on=on.isoformat())
