"""Which records are computed: the chosen features, what they are derived from, and what the shop has no data for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.errors import ParameterError, nearest
from features.catalogue import BY_NAME, FEATURES
from features.records import Feature
from features.vocabulary import FAMILIES

BASELINE_FAMILIES = ("recency", "frequency", "monetary", "gaps", "btyd")
"""Always computed: the mandatory baselines and the value at stake read them."""


def choose(families: Sequence[str], names: Sequence[str] = ()) -> tuple[Feature, ...]:
    """The features to compute, in the catalogue's order.

    With neither families nor names all of them; else the named ones and those that the baselines read.

    Raises:
        ParameterError: a name that is no family or no feature, with the nearest that is.
    """
    for family in families:
        if family not in FAMILIES:
            raise ParameterError(f"featurize.families: unknown family '{family}'{nearest(family, FAMILIES)}")
    for name in names:
        if name not in BY_NAME:
            raise ParameterError(f"featurize.features: unknown feature '{name}'{nearest(name, BY_NAME)}")
    if not families and not names:
        return FEATURES
    wanted = {*families, *BASELINE_FAMILIES}
    return tuple(feature for feature in FEATURES if feature.family in wanted or feature.name in names)


def recorded(features: Iterable[Feature], absent: frozenset[str]) -> tuple[Feature, ...]:
    """The features that the shop has the data for: a constant would look like a finding."""
    return tuple(feature for feature in features if not feature.is_left_out(absent))


def closure(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """The features and all that they are derived from, each once, operands first."""
    found: dict[Feature, None] = {}
    for feature in features:
        for operand in (*closure(feature.operands), feature):
            found.setdefault(operand)
    return tuple(found)
