"""`params.yaml` as typed records: one section a stage, and the common sections `store`, `task`, `execution`.

Unknown keys are refused with the nearest right name; every field says what it means and in which unit.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from contracts.errors import ParameterError, nearest

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Money = Annotated[float, Field(ge=0)]
Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """A part of `params.yaml`; immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _rising(values: list[float]) -> list[float]:
    if values != sorted(values):
        raise ValueError(f"expected rising numbers, got {values}")
    return values


Rising = AfterValidator(_rising)


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
    """How work is done; no result may depend on it, except `seed`."""

    seed: int = Field(description="seed of every random draw")
    threads: Count = Field(description="threads of LightGBM (written into the model file)")
    workers: Count = Field(description="processes that share the buckets of ingest; the result is the same")


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


class Snapshot(Section):
    """At which Mondays customers are judged."""

    n_test_cutoffs: Count = Field(description="latest matured weekly cutoffs that are judged")
    train_every_weeks: Count = Field(description="weeks between training cutoffs")
    min_history_days: Count = Field(description="days of sales that must lie before a training cutoff")
    min_labels: Count = Field(default=100, description="labels of the test fit below which there is no model")
    min_outcomes: Annotated[int, Field(ge=5)] = Field(
        default=10, description="labels of each outcome, lapsed and kept, below which there is no model"
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


class Train(LightGbm):
    """How risk is learned."""

    features: Literal["lean", "all"] = Field(
        default="lean", description="what the model reads: the list of models/lean.py, or all; baselines read all"
    )
    exclude_features: list[str] = Field(
        description="features that are computed, yet shown neither to the model nor to the baselines"
    )
    n_inner_cutoffs: Count = Field(description="last training cutoffs, used to choose calibration and penalties")


class Evaluate(Section):
    """How a release is judged."""

    n_bootstrap: Annotated[int, Field(ge=100)] = Field(description="resamples of customers behind each interval")
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


class Register(Section):
    """Names in MLflow."""

    experiment_name: str
    model_name: str


class Score(Section):
    """This week's customers."""

    n_reasons: Annotated[int, Field(ge=1, le=6)] = Field(description="reasons given a customer")
    n_explained: Count = Field(description="customers with the highest expected loss who get reasons")
    change_step: Share = Field(description="'up' or 'down' if p_lapse moved by more than this within a week")
    risk_band_edges: Annotated[list[Share], Rising] = Field(
        description="lower edges of the bands 'medium' and 'high'", min_length=2, max_length=2
    )


class Portray(Section):
    """Thresholds of tiers, states and labels (what a tier is: docs/glossary.md)."""

    returning_days: Count = Field(description="purchase days from which a customer is 'returning'")
    regular_days: Count = Field(description="purchase days from which a steady customer is 'regular'")
    devoted_days: Count = Field(description="purchase days from which a steady customer is 'devoted'")
    steady_gap_cv: Money = Field(description="a rhythm is steady if the gaps' coefficient of variation is at most this")
    lapsing_gap_multiple: Money = Field(description="lapsing: a silence longer than this many usual gaps")
    lapsing_min_days: Count = Field(description="lapsing: a silence of at least this many days")
    value_tier_shares: Annotated[list[Share], Rising] = Field(
        description="by spend: 'top' is the first share of customers, 'middle' goes on to the second",
        min_length=2,
        max_length=2,
    )
    habit_share: Share = Field(description="share of purchases on one weekday part or hour part that makes a habit")
    promotion_shares: Annotated[list[Share], Rising] = Field(
        description="discount shares from which a customer is 'mixed' and 'promotion-led'", min_length=2, max_length=2
    )
    unnamed_categories: list[str] = Field(description="categories that no message names: no goods, or a private matter")
    unnamed_product_types: list[str] = Field(description="product types that no message names")

    @model_validator(mode="after")
    def _tiers_rise(self) -> Portray:
        if not self.returning_days < self.regular_days <= self.devoted_days:
            raise ValueError("expected returning_days < regular_days <= devoted_days")
        return self


class Plan(Section):
    """Limits of a week's plan; the offers themselves stand in offers.yaml."""

    budget: Money = Field(description="expected cost of a week's plan at most, in store currency")
    capacity: Count = Field(description="customers contacted in a week at most")
    rest_days: Annotated[int, Field(ge=0)] = Field(description="days without contact after the last one")
    control_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of the selected who are left alone, at random, to measure the effect"
    )
    parity_tolerance: Money = Field(
        description="guard: how much mean benefit may fall from a tier to the next, in currency"
    )
    min_cell: Count = Field(description="guard: smallest cell that is judged by itself; smaller ones are merged")
    newcomer_price: str | None = Field(description="the best public newcomers' price; an entitlement of every regular")
    forbidden_attributes: list[str] = Field(
        description="columns that may never reach a feature, label, audience or plan"
    )
    send_after_days: Annotated[int, Field(ge=0)] = Field(description="days from the week's Monday to the send day")
    act_within_days: Count = Field(description="days from the send day to act by")


class Publish(Section):
    """The week's list."""

    list_size: Count = Field(description="rows of the working list at most")


class Params(Section):
    """All of `params.yaml`."""

    store: Store
    task: Task
    execution: Execution
    ingest: Ingest
    inspect: Inspect = Field(default_factory=Inspect)
    snapshot: Snapshot
    featurize: Featurize
    train: Train
    evaluate: Evaluate
    register_: Register = Field(alias="register")  # pydantic's own classes have a method `register`
    score: Score
    portray: Portray
    plan: Plan
    publish: Publish


def read_yaml(path: str | Path) -> object:
    """Read a YAML file safely; a missing or damaged one is one clear line."""
    try:
        return YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ParameterError(f"expected {path} in this folder, found none; run inside the project") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8") from error
    except YAMLError as error:
        line = str(error).splitlines()[-1].strip()
        raise ParameterError(f"{path} is not valid YAML ({line}); mend that line") from error


def explain(problem: ValidationError, model: type[BaseModel], path: str | Path) -> str:
    """One line for the first thing wrong, with the nearest right name for an unknown key."""
    errors = problem.errors()
    # a renamed key is both missing and unknown: the unknown one can be answered with the right name
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"{path}: unknown key '{where}'{nearest(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"{path}: expected the key '{where}', found none; add it"
    given = "" if isinstance(first["input"], dict) else f", got {first['input']!r}"
    return f"{path}: '{where}': {first['msg'].removeprefix('Value error, ')}{given}"


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in loc:
        if isinstance(part, str) and part in current.model_fields:
            inner = current.model_fields[part].annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                current = inner
    return [info.alias or name for name, info in current.model_fields.items()]


def checked(model: type[Model], plain: object, where: str | Path) -> Model:
    """Plain data as a record; `ParameterError` names the first thing wrong."""
    try:
        return model.model_validate(plain)
    except ValidationError as problem:
        raise ParameterError(explain(problem, model, where)) from problem


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check all parameters; `ParameterError` names the first thing wrong."""
    return checked(Params, read_yaml(path), path)
