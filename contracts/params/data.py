"""The shop, the task, how work is done; where purchases come from; what the data report looks for."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from contracts.errors import nearest
from contracts.params.base import Count, Days, Section, Share


class Store(Section):
    """The shop."""

    time_zone: str = Field(description="IANA name; days begin and end here")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code of every amount")
    margin_rate: Share = Field(description="margin as a share of the amount paid, where no margin by product is known")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"expected an IANA time zone, got '{name}'{nearest(name, available_timezones())}")
        return ZoneInfo(name).key


class Task(Section):
    """What is predicted, for whom: one definition for training, evaluation and the weekly run."""

    horizon_days: Days = Field(
        description="lapsed = no purchase in this many days from the cutoff; with own_rhythm the shortest horizon"
    )
    value_horizon_days: Days = Field(description="days over which a kept customer's margin is counted")
    min_purchase_days: Count = Field(description="purchase days before the cutoff that make a customer eligible")
    active_days: Days = Field(description="eligible only with a purchase in this many days before the cutoff")
    label_grace_days: Annotated[int, Field(ge=0)] = Field(description="days after a window before its label counts")
    label: Literal["flat", "own_rhythm"] = Field(
        default="flat", description="one horizon for all, or each customer's own, by their usual gap"
    )
    rhythm_multiple: Annotated[float, Field(gt=0)] = Field(
        default=3.0,
        description="own_rhythm: usual gaps in a customer's horizon; without a model: gaps that are high risk",
    )
    max_horizon_days: Days = Field(default=182, description="own_rhythm: the longest horizon")

    @model_validator(mode="after")
    def _horizons_rise(self) -> Task:
        if self.label == "own_rhythm" and self.max_horizon_days < self.horizon_days:
            raise ValueError(f"max_horizon_days: expected at least horizon_days ({self.horizon_days})")
        return self

    @property
    def longest_horizon_days(self) -> int:
        """The longest horizon of any customer."""
        return self.max_horizon_days if self.label == "own_rhythm" else self.horizon_days

    @property
    def label_days(self) -> int:
        """Days from a cutoff until its label is known: what is judged later than that may be judged by it."""
        return self.longest_horizon_days + self.label_grace_days


class Execution(Section):
    """How work is done. Results hang on `seed` and `threads` alone: the other three name a place, no result."""

    seed: int = Field(description="seed of every random draw")
    threads: Count = Field(description="threads of LightGBM (written into the model file)")
    executor: Literal["local", "dask"] = Field(default="local", description="where work by bucket is done")
    workers: Count = Field(default=1, description="processes of this machine that share the work (executor local)")
    scheduler: str = Field(default="", description="address of Dask's scheduler, as tcp://host:8786 (executor dask)")


class Format(Section):
    """How a source writes its purchase lines. `regulars init` proposes these from the files themselves."""

    columns: dict[str, str] = Field(description="our column: the source's column; what is left out is absent")
    date_order: Literal["ymd", "dmy", "mdy"] = Field(description="order of day, month and year in dates of digits")
    decimal: Literal[".", ","] = Field(description="what stands before the decimals of an amount")
    thousands: Literal["", ".", ",", " ", "'"] = Field(description="what stands between thousands, if anything")

    @model_validator(mode="after")
    def _marks_differ(self) -> Format:
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands: expected two marks, got '{self.decimal}' for both")
        return self

    amounts_in: Literal["units", "cents"] = Field(description="whether 1250 means 1250 or 12.50 of the currency")
    keep_rows: dict[str, list[str]] = Field(
        default_factory=dict, description="a column of the source: the values of the rows that are lines of goods"
    )
    cancelled_order_prefix: str = Field(description="orders that begin so undo earlier ones; empty for none")


class Rules(Section):
    """What the cleaning rules need to know of this shop."""

    max_reject_share: Share = Field(description="ingest stops if more than this share of the lines is rejected")
    non_goods: list[str] = Field(description="product codes that are no goods: postage, charges, adjustments")
    extract_on: Annotated[date, Field(ge=date(1990, 1, 1), le=date(2199, 12, 31))] | None = Field(
        description="last day that the data can speak of; null: the day of the ingest"
    )
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        description="lines older than this on the day of the ingest are erased; null keeps all"
    )


class Simulate(Section):
    """The simulated store: what its truth is beside these stands in simulation/world.py."""

    n_customers: Annotated[int, Field(ge=1, le=2**28)] = Field(default=2000, description="customers who ever join")
    n_weeks: Annotated[int, Field(ge=1, le=1040)] = Field(default=104, description="weeks that are shown")
    first_on: date = Field(default=date(2022, 1, 3), description="first local day that is shown")
    n_products: Count = Field(default=400, description="products in the assortment")
    n_stores: Count = Field(default=4, description="branches; with more than one, the first closes one day")
    seed: Annotated[int, Field(ge=0)] = Field(default=1, description="another seed, another store of the same kind")


class Ingest(Section):
    """Where purchases come from, how they are written, and what counts as one."""

    source: Literal["complete_journey", "files", "sql", "simulation"] = Field(
        description="packaged grocery data of 2017; your files; a database; a simulated store"
    )
    path: str = Field(description="file or folder that DVC watches; files are read from it")
    include: list[str] = Field(description="patterns of the purchase files below the path, as '*.csv'")
    tables: dict[str, str] = Field(description="further tables: their name, and a pattern below the path")
    query: str = Field(description="source sql: a table's name, or a SELECT")
    format: Format
    rules: Rules
    n_buckets: Annotated[int, Field(ge=1, le=4096)] = Field(description="files that customers are spread over")
    hash_ids: bool = Field(description="replace customers' ids at the door by keyed hashes (REGULARS_KEY)")
    keep_audit: bool = Field(description="keep forbidden attributes in audit/, for the guard alone; else drop them")
    sample_customers: Count | None = Field(description="keep about this many customers, drawn by hash; null keeps all")
    simulation: Simulate = Field(default=Simulate(), description="source simulation: the store to simulate")


class Inspect(Section):
    """What the data report looks for."""

    long_standing_days: Count = Field(
        default=182, description="days since the first purchase that make a customer one of long standing"
    )
    min_cell_lines: Count = Field(
        default=1, description="price gaps: lines that either group needs in a product, week and store"
    )
    n_lapse_cutoffs: Count = Field(
        default=6, description="matured cutoffs at which the lapsed are followed for one more horizon"
    )
    suspicious_open_day_share: Share = Field(
        default=0.95, description="an account that buys on this share of all open days is looked at"
    )
    suspicious_mads: Annotated[float, Field(gt=0)] = Field(
        default=5.0,
        description="an account so many robust deviations above the median (on a log scale) is looked at,"
        " if it also has suspicious_sales_share",
    )
    suspicious_sales_share: Share = Field(default=0.01, description="share of all lines or of all revenue")
