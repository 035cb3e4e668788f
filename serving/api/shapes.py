"""What requests and answers look like; the fields of an entry come from the published table's contract."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from contracts.event_kinds import REASONS
from contracts.table import COUNT, FLAG, NUMBER
from contracts.tables import FULL_WEEK
from serving.desk.filters import WORK_FIELDS
from serving.desk.sending import KINDS as ACTIVITY_KINDS
from serving.desk.work import KINDS

NO_NUL = r"^[^\x00]*$"
MOST_AT_ONCE = 1000
Word = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
Filled = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
Note = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
MaybeDay = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
WeekName = Annotated[str, StringConstraints(pattern=r"^(latest|[0-9]{4}-W[0-9]{2})$")]
Password = Annotated[str, StringConstraints(max_length=200)]
Role = Literal["viewer", "agent", "manager", "admin"]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Given(BaseModel):
    """What a request may hold: nothing else is taken."""

    model_config = ConfigDict(extra="forbid")


class WeekOut(BaseModel):
    """One week by its revision in force."""

    week: str = Field(description="ISO week, as 2018-W01")
    revision: int
    data_through: str = Field(description="last local day of data")
    n_listed: int
    loaded_at: str = Field(description="instant at which the desk loaded it, UTC")
    content_hash: str


_JSON_TYPES: dict[str, Any] = {NUMBER: float, COUNT: int, "Int64": int, FLAG: bool}
_FIELDS: dict[str, Any] = {
    name: (_JSON_TYPES.get(str(column.dtype), str) | None, Field(default=None, description=column.description))
    for name, column in FULL_WEEK.columns.items()
}
_WORK: dict[str, Any] = {name: (str, Field(default="", description="'' where there is none")) for name in WORK_FIELDS}
Entry = create_model("Entry", __doc__="One customer of a week's list; the fields asked for.", **_FIELDS, **_WORK)


class PageOut(BaseModel):
    """Some rows of a list."""

    week: WeekOut
    items: list[Entry]  # type: ignore[valid-type]  # made above
    next: str = Field(description="cursor of the next page; '' after the last")


class History(BaseModel):
    """What a customer paid, week by week."""

    first_on: str = Field(description="the first Monday; '' where nothing is known")
    amounts: list[float] = Field(description="paid in each week from then on, currency")


class OutcomeOut(BaseModel):
    """One thing that was recorded."""

    week: str
    customer_id: str
    kind: str
    reason: str
    offer: str
    channel: str
    note: str
    happened_at: str
    recorded_by: str


class CustomerOut(BaseModel):
    """One customer of a week's list."""

    week: WeekOut
    facts: Entry  # type: ignore[valid-type]
    is_work: bool = Field(description="false for who left the list since the week before")
    claimed_by: str
    since: str = Field(description="what speaks against a message since the week's data ended; '' if nothing")
    history: History
    outcomes: list[OutcomeOut]


class Due(BaseModel):
    """What is to be sent on a day."""

    on: str
    known_through: str = Field(description="last day whose activity is known")
    rows: list[dict[str, Any]] = Field(description="published rows, each with `due`: offer, notice or follow_up")
    dropped: dict[str, int] = Field(description="how many were dropped, by reason")
    n_late: int = Field(description="contacts recorded after the last day to act")


class OutcomeIn(Given):
    """One thing to record of a customer of the list."""

    customer_id: Filled
    kind: Literal[KINDS]  # type: ignore[valid-type]  # a closed list of the contracts
    reason: Literal["", *REASONS] = ""  # type: ignore[valid-type]
    channel: Annotated[str, StringConstraints(max_length=60, pattern=NO_NUL)] = ""
    note: Note = ""
    happened_at: Annotated[str, StringConstraints(max_length=40, pattern=NO_NUL)] = Field(
        default="", description="instant with offset, as 2018-01-02T10:30:00Z; '' for now"
    )
    week: Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-W[0-9]{2})?$")] = ""


class KeyedOutcome(OutcomeIn):
    """The same with the sender's own key, under which it counts once."""

    key: Key


class Batch(Given):
    """Outcomes that are recorded together, or not at all."""

    outcomes: Annotated[list[KeyedOutcome], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Recorded(BaseModel):
    """What became of outcomes: each 'recorded', or 'repeated' if it was there under its key."""

    results: list[str]
    n_recorded: int


class ClaimIn(Given):
    """A customer of a week's list."""

    customer_id: Filled
    week: WeekName = "latest"


class HandOver(ClaimIn):
    """The same, and the colleague who takes over."""

    to: Filled


class Claim(BaseModel):
    """Who works on a customer; '' for nobody."""

    claimed_by: str


class SuppressionIn(Given):
    """A customer whom nobody is to contact, by a channel ('' for all), until a day ('' for good)."""

    customer_id: Filled
    reason: Note = ""
    channel: Annotated[str, StringConstraints(max_length=60, pattern=NO_NUL)] = ""
    until_on: MaybeDay = ""


class Suppression(BaseModel):
    """One suppression in force."""

    id: int
    customer_id: str
    channel: str
    reason: str
    until_on: str
    added_at: str


class Made(BaseModel):
    """The number of what was made."""

    id: int


class ErasureIn(Given):
    """The customer to erase."""

    customer_id: Filled


class Erased(BaseModel):
    """How many rows of the desk went, and how many erasures the event store and published weeks have yet to follow."""

    n_deleted: int
    n_awaited: int


class ActivityRow(Given):
    """One thing that a customer did recently."""

    customer_id: Filled
    kind: Literal[ACTIVITY_KINDS]  # type: ignore[valid-type]
    happened_on: Day
    channel: Annotated[str, StringConstraints(max_length=60, pattern=NO_NUL)] = ""


class ActivityIn(Given):
    """Recent activity: everything through a day is known then."""

    through_on: Day
    rows: Annotated[list[ActivityRow], Field(max_length=10 * MOST_AT_ONCE)]


class Taken(BaseModel):
    """How many rows were new."""

    n_new: int


class SignIn(Given):
    """Name and password of an account."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
    password: Password


class SessionOut(BaseModel):
    """Who is signed in; `csrf` goes into the header X-CSRF-Token of every change that a browser asks for."""

    name: str
    role: str
    via: str
    csrf: str


class UserIn(Given):
    """A new account."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
    role: Role
    password: Annotated[str, StringConstraints(min_length=12, max_length=200)]


class UserChange(Given):
    """What is to change of an account."""

    role: Role | None = None
    password: Annotated[str, StringConstraints(min_length=12, max_length=200)] | None = None
    is_active: bool | None = None


class User(BaseModel):
    """One account."""

    name: str
    role: str
    is_active: bool
    created_at: str


class TokenIn(Given):
    """A new token of an account; its role is at most the account's."""

    user: Filled
    name: Filled
    days: Annotated[int, Field(ge=1, le=366)] = 90
    role: Role | None = None


class TokenOut(BaseModel):
    """A token, shown this once."""

    token: str


class TokenRow(BaseModel):
    """One token, without what it is."""

    id: int
    user: str
    name: str
    role: str
    created_at: str
    expires_at: str
    revoked_at: str


class AuditRow(BaseModel):
    """One thing that somebody did."""

    number: int
    at: str
    actor: str
    action: str
    customer_key: str
    detail: dict[str, Any]
    hash: str


class AuditHead(BaseModel):
    """The log's last row: note the hash elsewhere, and give it to a later check."""

    number: int
    hash: str


class Status(BaseModel):
    """Whether the desk lives, or can answer."""

    status: str
