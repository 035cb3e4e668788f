"""The true parameters of a simulated store, in one record. Nothing else decides what it sells, except this code."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import date
from zoneinfo import available_timezones

from contracts.errors import ParameterError, nearest
from contracts.files import digest
from contracts.params import Simulate, Store

LARGEST = 2**28
LONGEST_WEEKS = 1040
AT_LEAST_ONE = ("n_customers", "n_weeks", "n_products", "n_categories", "n_stores")
ABOVE_ZERO = (
    *("mean_gap_days", "shortest_gap_days", "gap_shape_low", "rate_shape", "drop_out_shape", "drop_out_scale_days"),
    *("pause_mean_days", "median_price", "promotion_days", "promotion_every_days", "return_mean_days"),
)


@dataclass(frozen=True)
class World:
    """Every true parameter. Shares lie in [0, 1]; days are local calendar days; money is in `currency`.

    Timing: a customer's purchases are a renewal process with gamma gaps (gamma-regular timing: Wheat and Morrison 1990;
    Platzer and Reutterer 2016), whose rates are gamma over customers, and whose drop-out is exponential with gamma
    hazards (Pareto/NBD: Schmittlein, Morrison and Colombo 1987). Gaps run on the store's clock: the cumulative
    intensity of the calendar, 1 a day on average, so that seasons shift purchases and the mean gap stays as declared.
    """

    seed: int = 1
    n_customers: int = 1000
    n_weeks: int = 104
    first_day: date = date(2022, 1, 3)
    time_zone: str = "Europe/Berlin"
    currency: str = "EUR"
    n_products: int = 400
    n_categories: int = 24  # at most n_products
    n_stores: int = 4

    # joining
    starter_share: float = 0.4  # customers who had joined before the first day, and are still there on it
    oldest_days: float = 1000.0  # starters joined at most so many days before the first day
    one_time_share: float = 0.25  # of those who join later: buy once and are gone

    # rhythm: purchases a day are gamma over customers, with the mean 1 / mean_gap_days
    mean_gap_days: float = 9.0
    rate_shape: float = 1.6  # shape of the gamma of the rates; smaller is more heterogeneous
    shortest_gap_days: float = 1.0  # mean gaps are held within shortest and longest
    longest_gap_days: float = 150.0
    gap_shape_low: float = 1.0  # 1 is Poisson timing; larger is steadier
    gap_shape_spread: float = 1.0  # mean of an exponential that is added to it, customer by customer

    # leaving: hazard a day is gamma with this shape and (inverse) scale; its mean is shape / scale
    drop_out_shape: float = 1.5
    drop_out_scale_days: float = 700.0
    closing_at_share: float | None = 0.6  # the first store closes after this share of the days; None: none closes
    leave_on_closing_share: float = 0.5  # of the customers whose main store closes

    # breaks: silences that are not leaving
    pauses_per_year: float = 0.6
    pause_mean_days: float = 35.0
    holiday_share: float = 0.5  # of the breaks, those around `holiday_day`
    holiday_day: int = 205  # day of the year

    # seasons
    yearly_amplitude: float = 0.15  # 1 + amplitude at the peak of the year, 1 - amplitude half a year later
    yearly_peak_day: int = 150  # day of the year
    weekday_weights: tuple[float, ...] = (0.9, 0.85, 0.9, 1.0, 1.3, 1.6, 0.45)  # from Monday
    closed_days: tuple[tuple[int, int], ...] = ((1, 1), (12, 25), (12, 26))  # month and day
    christmas_factor: float = 1.6  # 1 to 24 December
    shock_sd: float = 0.06  # of the logarithm of a week's chance
    category_amplitude: float = 0.5  # each category has a yearly cycle of its own

    # baskets
    basket_lines: float = 3.0  # mean number of unplanned lines of the mean customer's basket, at least 1
    basket_sd: float = 0.4  # of its logarithm over customers
    favourite_share: float = 0.45  # of unplanned lines, those of the customer's favourite categories
    own_product_share: float = 0.6  # of lines of a favourite category, those of the customer's own product
    rhythm_share: float = 0.5  # of categories that are used up and bought again
    rhythm_days: tuple[float, ...] = (14.0, 28.0, 60.0, 90.0)  # usual days until a product of them is used up
    tier_share: float = 0.7  # of lines at the customer's own price level
    mean_extra_units: float = 0.3  # units beyond the first, Poisson
    median_price: float = 4.0
    price_sd: float = 0.7  # of the logarithm over products
    price_rise_per_year: float = 0.03
    level_shares: tuple[float, ...] = (0.35, 0.45, 0.2)  # customers of the low, middle and high price level

    # promotions
    promotion_every_days: int = 42
    promotion_days: int = 10
    promoted_category_share: float = 0.4
    promotion_depths: tuple[float, float] = (0.15, 0.35)  # off the list price, from and to
    sensitivity_shares: tuple[float, ...] = (0.45, 0.2, 0.15, 0.1, 0.1)  # customers of sensitivity 0, .25, .5, .75, 1
    waiting_share: float = 0.6  # of a fully sensitive customer's purchases between promotions, those that wait
    promotion_pull: float = 0.7  # of a fully sensitive customer's unplanned lines, those on promoted goods
    coupon_share: float = 0.02  # of lines
    coupon_depth: float = 0.1

    # undoing
    cancelled_share: float = 0.015  # of orders
    returned_share: float = 0.02  # of lines of the other orders
    same_day_share: float = 0.3  # of undoings
    partial_share: float = 0.3  # of returned lines of several units, those given back in part
    return_mean_days: float = 12.0  # of the other undoings, beyond the first day

    # people and paper
    channels: tuple[str, ...] = ("store", "online", "phone")  # the first is the only one with a place
    channel_shares: tuple[float, ...] = (0.7, 0.25, 0.05)
    own_channel_share: float = 0.85  # of orders by the customer's own channel
    main_store_share: float = 0.85  # of orders in the main store
    two_ids_share: float = 0.03  # of customers with a second card
    second_id_share: float = 0.3  # of their orders
    anonymous_share: float = 0.05  # customers who never show a card
    unrecognised_share: float = 0.03  # of the others' orders
    late_share: float = 0.02  # of orders (and of undoings) that become known days later
    late_mean_days: float = 3.0
    gift_share: float = 0.03  # of orders paid as gifts
    employer_share: float = 0.04  # of customers whose employer pays for half of the orders
    no_marketing_share: float = 0.04
    no_profiling_share: float = 0.02
    consent_share: float = 0.6  # for each channel of contact
    withdrawn_share: float = 0.08  # of consents

    def __post_init__(self) -> None:
        refuse_impossible(self)

    @property
    def n_days(self) -> int:
        """Days that are shown."""
        return 7 * self.n_weeks

    @property
    def digest(self) -> str:
        """SHA-256 over every parameter."""
        return digest(json.dumps(dataclasses.asdict(self), default=str, sort_keys=True))


def refuse_impossible(world: World) -> None:
    """Raise `ParameterError` for the first parameter that cannot be."""
    for field in dataclasses.fields(world):
        name, value = field.name, getattr(world, field.name)
        if name.endswith("_share") and value is not None and not 0 <= value <= 1:
            raise ParameterError(f"simulation: {name}: expected a share from 0 to 1, got {value}")
        if name in AT_LEAST_ONE and value < 1:
            raise ParameterError(f"simulation: {name}: expected at least 1, got {value}")
        if name in ABOVE_ZERO and not value > 0:
            raise ParameterError(f"simulation: {name}: expected a number above 0, got {value}")
        if name.endswith("_shares") and (min(value) < 0 or abs(sum(value) - 1) > 1e-9):
            raise ParameterError(f"simulation: {name}: expected shares that sum to 1, got {value}")
    _refuse_unfit(world)


def _refuse_unfit(world: World) -> None:
    """The parameters that hang together."""
    if world.time_zone not in available_timezones():
        hint = nearest(world.time_zone, available_timezones())
        raise ParameterError(f"simulation: time_zone: expected an IANA name, got '{world.time_zone}'{hint}")
    sizes = {"weekday_weights": 7, "level_shares": 3, "sensitivity_shares": 5, "channel_shares": len(world.channels)}
    for name, size in sizes.items():
        if len(getattr(world, name)) != size:
            raise ParameterError(f"simulation: {name}: expected {size} numbers, got {len(getattr(world, name))}")
    low, high = world.promotion_depths
    amplitudes = (world.yearly_amplitude, world.category_amplitude)
    fits = {
        f"n_customers: expected at most {LARGEST:,}": world.n_customers <= LARGEST,
        f"n_weeks: expected at most {LONGEST_WEEKS:,}": world.n_weeks <= LONGEST_WEEKS,
        "n_categories: expected at most n_products": world.n_categories <= world.n_products,
        "promotion_days: expected fewer than promotion_every_days": world.promotion_days < world.promotion_every_days,
        "amplitudes: expected numbers from 0 to below 1": all(0 <= value < 1 for value in amplitudes),
        "promotion_depths: expected 0 < from <= to < 0.8": 0 < low <= high < 0.8,
        "shortest_gap_days: expected from 0.5 to longest_gap_days": 0.5
        <= world.shortest_gap_days
        <= world.longest_gap_days,
    }
    for sentence, holds in fits.items():
        if not holds:
            raise ParameterError(f"simulation: {sentence}; change it")


def world_of(simulate: Simulate, store: Store) -> World:
    """The world of a project's parameters; what they do not name stays as it is by default."""
    return World(
        seed=simulate.seed,
        n_customers=simulate.n_customers,
        n_weeks=simulate.n_weeks,
        first_day=simulate.first_on,
        time_zone=store.time_zone,
        currency=store.currency,
        n_products=simulate.n_products,
        n_categories=min(simulate.n_products, World.n_categories),
        n_stores=simulate.n_stores,
    )
