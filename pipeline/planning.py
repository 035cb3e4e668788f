"""What stage `plan` and whoever explains a plan read alike: the week's setting, from the shop's files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from contracts.errors import UnknownNameError
from contracts.files import read_json, read_table
from contracts.params import Params, Task, load_params
from contracts.pieces import in_order
from contracts.portrait_rules import PortraitRules, load_portrait_rules
from contracts.tables import PORTRAITS
from contracts.wave_tables import BELIEFS, WAVES
from contracts.windows import own_horizons
from contracts.words import Words, load_words
from events.store import read_before
from offers.catalogue import Catalogue
from offers.catalogue_file import load_sound_catalogue
from offers.contacts import ledger
from offers.difference import COLUMNS
from offers.setting import Setting
from offers.waves import own_sends

UNUSED = ("evidence", "treatment", "last_offer", "last_outcome", "spend", "spend_ever")
"""What portraits tell that no plan hangs on."""


def read_offers(params: Params, *, offers: Path, rules: Path, words: Path) -> tuple[Catalogue, PortraitRules, Words]:
    """The shop's files, checked against each other; `ParameterError` names the first thing wrong."""
    known, spoken = load_portrait_rules(rules, params.plan.forbidden_attributes), load_words(words)
    return load_sound_catalogue(offers, params, known, spoken), known, spoken


def read_setting(
    params: Params,
    *,
    events: Path,
    offers: Path,
    rules: Path,
    words: Path,
    cutoffs: Path,
    waves: Path,
    beliefs: Path,
) -> Setting:
    """The setting of the scored week; `ParameterError` names the first thing wrong in the shop's files."""
    catalogue, known, spoken = read_offers(params, offers=offers, rules=rules, words=words)
    cutoff = date.fromisoformat(read_json(cutoffs)["scored"])
    earlier = read_table(waves, WAVES)
    recorded = ledger(read_before(events, "contacts", cutoff, params.store.time_zone))
    return Setting(
        catalogue,
        known,
        params.plan,
        spoken,
        cutoff,
        params.store.currency,
        params.execution.seed,
        params.task.value_horizon_days,
        ledger(pd.concat([recorded, own_sends(earlier, recorded, cutoff)], ignore_index=True)),
        earlier,
        read_table(beliefs, BELIEFS),
    )


def living(portraits: Path) -> pd.DataFrame:
    """The portraits of customers who are not gone, with what a plan is made of; `evidence_of` tells the rest."""
    told = {*PORTRAITS.columns} - {*UNUSED}
    pieces = (piece[piece["state"] != "gone"] for piece in in_order(portraits, PORTRAITS))
    found = pd.concat([piece[[name for name in piece if name in told]] for piece in pieces], ignore_index=True)
    return found.astype({"promise": "category"})  # one a group, and long


def evidence_of(portraits: Path, ids: Sequence[str]) -> pd.Series:
    """The evidence of a few customers' labels, by id."""
    asked = [("customer_id", "in", list(ids))]
    found = pq.read_table(portraits, columns=["customer_id", "evidence"], filters=asked).to_pandas()
    told: pd.Series = found.set_index("customer_id")["evidence"]
    return told


def horizons(portraits: pd.DataFrame, task: Task) -> pd.Series:
    """Days that each customer's outcome window lasts, by customer id."""
    days = np.full(len(portraits), task.horizon_days, dtype=np.int64)
    if task.label == "own_rhythm":
        gaps = portraits["usual_gap_days"].to_numpy(dtype=np.float64)
        days = own_horizons(gaps, task.rhythm_multiple, task.horizon_days, task.max_horizon_days)
    return pd.Series(days, index=portraits["customer_id"].to_numpy())


def features_read(champion: Path) -> list[str]:
    """What the guard looks through: the model's features, or those that the rules read where there is no model."""
    model = champion / "model.json"
    names: list[str] = read_json(model if model.exists() else champion / "release.json")["features"]
    return names


def project_setting(root: Path) -> Setting:
    """The setting of the project's scored week, from its usual places."""
    return read_setting(
        load_params(root / "params.yaml"),
        events=root / "data" / "events",
        offers=root / "offers.yaml",
        rules=root / "portraits.yaml",
        words=root / "words.yaml",
        cutoffs=root / "data" / "cutoffs.json",
        waves=root / "data" / "earlier_waves.parquet",
        beliefs=root / "data" / "beliefs.parquet",
    )


def plan_of(root: Path, name: str) -> pd.DataFrame:
    """The plan in a file, or of a commit, branch or experiment, from DVC's cache.

    Raises:
        UnknownNameError: there is no such file or revision, or its plan stands in no cache.
    """
    path = root / name
    if path.suffix == ".parquet":
        if not path.exists():
            raise UnknownNameError(f"expected the plan {name}, found none; run `dvc repro` first, or name a commit")
        return read_table(path, columns=list(COLUMNS))
    with tempfile.TemporaryDirectory(prefix="regulars-plan-") as scratch:
        copy = Path(scratch) / "plan.parquet"
        copy.write_bytes(_cached(root, name))
        return read_table(copy, columns=list(COLUMNS))


def _cached(root: Path, revision: str) -> bytes:
    from dvc.api import read
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    try:
        content = read("data/plan.parquet", repo=str(root), rev=revision, mode="rb")
    except (DvcException, SCMError, FileNotFoundError) as error:
        raise UnknownNameError(
            f"found no plan of '{revision}' ({type(error).__name__}); expected a commit, branch or experiment whose "
            "plan this machine's DVC cache holds, or the path of a plan.parquet"
        ) from error
    return bytes(content)
