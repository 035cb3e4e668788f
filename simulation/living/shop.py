"""What does not change in a living store: its nature, its customers, and how fast each one's clock runs."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.draws import Floats
from simulation.living.calendar import promotion_factors
from simulation.living.nature import Nature
from simulation.living.people import People, people_of


@dataclass(frozen=True)
class Shop:
    """`usual_pace` and `promotion_pace`: each customer's factor on the clock, on other days and on promotion days."""

    nature: Nature
    people: People
    usual_pace: Floats
    promotion_pace: Floats


def shop_of(nature: Nature, seed: int) -> Shop:
    """The shop of a nature, its customers drawn from the seed."""
    people = people_of(nature, seed)
    return Shop(nature, people, *promotion_factors(nature, people))
