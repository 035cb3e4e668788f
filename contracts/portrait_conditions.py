"""The small grammar of `portraits.yaml`: conditions over named facts, and sentences with their fields.

A condition is what a marketer would say:

    n_visits: at least 5                                  weekend_share: at least 50 %
    lines_per_visit: at least 2 times shop_lines_per_visit
    usual_gap_days: between 21 and 45                     favourite_words: is known
    state: is not gone          tier: is regular or devoted          has_open_complaint: is yes
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from contracts.errors import nearest
from contracts.portrait_facts import FACTS, SHARE, UNKNOWN, Fact

Comparator = Literal["at least", "at most", "more than", "less than", "between", "is", "is not", "is known"]
BY_KIND = {
    "number": ("at least", "at most", "more than", "less than", "between", "is known"),
    "text": ("is", "is not", "is known"),
    "flag": ("is",),
}
FLAGS = {"yes": True, "no": False}
FORMATS = ("", ".0f", ".0%", ".2f")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\s*%?")


@dataclass(frozen=True)
class Condition:
    """One condition on one fact: numbers (both ends of 'between'), a fact to compare with, or values of a text.

    `number` is the factor where `other` names a fact, else the threshold; a flag's value is 'yes' or 'no'.
    """

    fact: str
    comparator: Comparator
    number: float = 0.0
    upper: float = 0.0
    other: str = ""
    values: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The facts that must be known."""
        return (self.fact, self.other) if self.other else (self.fact,)


def parse_condition(name: str, said: object) -> Condition:
    """The condition that `said` puts on the fact `name`; `ValueError` says what is wrong and what is near."""
    fact = known_fact(name)
    text = " ".join(said.split()) if isinstance(said, str) else ""
    comparator, rest = _comparator(fact, text, said)
    if comparator == "is known":
        return Condition(name, comparator)
    if fact.kind != "number":
        return Condition(name, comparator, values=_values(fact, rest))
    if comparator == "between":
        return Condition(name, comparator, *_ends(fact, rest))
    return _compared(fact, comparator, rest)


def known_fact(name: str) -> Fact:
    """The fact of this name; `ValueError` hints at the nearest."""
    if name not in FACTS:
        raise ValueError(f"unknown fact '{name}'{nearest(name, FACTS)}")
    return FACTS[name]


def _comparator(fact: Fact, text: str, said: object) -> tuple[Comparator, str]:
    allowed = BY_KIND[fact.kind]
    for comparator in sorted(get_args(Comparator), key=len, reverse=True):
        if text == comparator or text.startswith(f"{comparator} "):
            if comparator in allowed:
                return comparator, text.removeprefix(comparator).strip()
            text = comparator
            break
    start = " ".join(text.split()[:2])
    hint = "" if start in get_args(Comparator) else nearest(start, allowed)
    raise ValueError(f"'{fact.name}' is a {fact.kind}: expected {', '.join(allowed)}, got {said!r}{hint}")


def _values(fact: Fact, rest: str) -> tuple[str, ...]:
    values = tuple(value.strip() for value in rest.split(" or "))
    allowed = tuple(FLAGS) if fact.kind == "flag" else fact.known_values
    for value in values:
        if not value:
            raise ValueError(f"'{fact.name}': expected a value after 'is', got none")
        if value == UNKNOWN:
            raise ValueError(f"'{fact.name}': 'unknown' gives no label; leave the condition out, or say 'is known'")
        if allowed and value not in allowed:
            raise ValueError(f"'{fact.name}': expected {', '.join(allowed)}, got '{value}'{nearest(value, allowed)}")
    return values


def _ends(fact: Fact, rest: str) -> tuple[float, float]:
    parts = rest.split(" and ")
    if len(parts) != 2:
        raise ValueError(f"'{fact.name}': expected 'between' with two numbers, as 'between 2 and 5', got '{rest}'")
    lower, upper = (_number(fact, part) for part in parts)
    if lower > upper:
        raise ValueError(f"'{fact.name}': expected the smaller number first, got '{rest}'")
    return lower, upper


def _number(fact: Fact, text: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(
            f"'{fact.name}': expected a number, '50 %', a fact or '2 times' a fact, got '{text}'{nearest(text, FACTS)}"
        )
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if fact.unit == SHARE and not 0 <= value <= 1:
        raise ValueError(f"'{fact.name}' is a share: expected 0 to 1 or 0 % to 100 %, got '{text}'")
    return value


def _compared(fact: Fact, comparator: Comparator, rest: str) -> Condition:
    """Against a number, another fact, or a multiple of it; facts are compared only in the same unit."""
    factor, is_multiple, name = rest.rpartition(" times ") if " times " in rest else ("1", "", rest)
    if not is_multiple and (not name or not name[0].isalpha() or name not in FACTS):
        return Condition(fact.name, comparator, _number(fact, rest))
    other = known_fact(name)
    if (other.kind, other.unit) != (fact.kind, fact.unit):
        raise ValueError(
            f"'{fact.name}' ({fact.unit}) cannot be compared with '{other.name}' ({other.unit or other.kind}); "
            "expected a fact in the same unit"
        )
    if not _NUMBER.fullmatch(factor):
        raise ValueError(f"'{fact.name}': expected a number before 'times', got '{factor}'")
    return Condition(fact.name, comparator, float(factor.rstrip(" %")) / (100 if "%" in factor else 1), other=name)


def sentence_fields(sentence: str) -> tuple[str, ...]:
    """The facts that a sentence names, in order; `ValueError` for an unknown one or a format it may not have."""
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as problem:
        raise ValueError(f"says: {problem}; a field is written as {{n_visits:.0f}}") from None
    names = []
    for _, name, form, conversion in parts:
        if name is not None:
            _check_field(name, form or "", conversion)
            names.append(name)
    return tuple(dict.fromkeys(names))


def _check_field(name: str, form: str, conversion: str | None) -> None:
    fact = known_fact(name)
    allowed = FORMATS if fact.kind == "number" else ("",)
    if fact.kind == "flag":
        raise ValueError(f"says: '{name}' is yes or no and does not read in a sentence; leave it out")
    if conversion or form not in allowed:
        shown = ", ".join(f"{{{name}{f':{one}' if one else ''}}}" for one in allowed)
        raise ValueError(f"says: '{name}' may be written {shown}, got '{{{name}:{form}}}'")


def plain_number(value: float) -> str:
    """A number as a sentence writes it without a format.

    >>> plain_number(6.0), plain_number(6.5), plain_number(1234567.0)
    ('6', '6.5', '1234567')
    """
    return f"{value:.0f}" if math.isclose(value, round(value), abs_tol=1e-9) else f"{value:.4g}"


def names_in(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """Every fact that the conditions read."""
    return tuple(dict.fromkeys(name for condition in conditions for name in condition.reads))
