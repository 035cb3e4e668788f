"""A project folder on a made-up shop's export, and the commands of its stages, as `dvc.yaml` gives them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.features.data import N_PRODUCTS, PRODUCTS_PER_CATEGORY
from benchmarks.scale.data import COLUMNS, LINES_PER_CUSTOMER

ROOT = Path(__file__).resolve().parents[2]
FILES = ("dvc.yaml", "offers.yaml", "portraits.yaml", "requirements.lock")
N_CATEGORIES = N_PRODUCTS // PRODUCTS_PER_CATEGORY
LINES_PER_BUCKET = 700_000
FEWEST_BUCKETS = 16
CONTACTED_SHARE, COST_A_CONTACT = 0.02, 3.0
"""Contacts and budget grow with the shop: as in the defaults up to 10,000 customers, then one customer in fifty."""
TRAIN_EVERY_WEEKS = 8
"""Twelve training cutoffs in two years."""
STAGES = (
    *("ingest", "inspect", "snapshot", "featurize", "train", "evaluate", "register", "score"),
    *("portray", "collect", "plan", "publish", "monitor"),
)
BY_BUCKET = ("ingest", "snapshot", "featurize", "score", "portray", "collect")
MADE = ("data/features", "data/scores.parquet", "data/portraits.parquet", "data/plan.parquet")
"""What must not hang on the place where it was made."""


def n_buckets(n_lines: int) -> int:
    """Buckets of a store of so many lines: memory hangs on a bucket.

    >>> [n_buckets(n) for n in (100_000, 10_000_000, 100_000_000)]
    [16, 16, 143]
    """
    return max(FEWEST_BUCKETS, round(n_lines / LINES_PER_BUCKET))


def project(home: Path, raw: Path, n_lines: int) -> Path:
    """A project that reads the export in `raw`, with the defaults of this checkout."""
    home.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, home / name)
    shutil.copytree(ROOT / "trials", home / "trials")
    yaml = YAML()
    plain = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    plain["ingest"] |= {"source": "files", "path": str(raw), "n_buckets": n_buckets(n_lines)}
    plain["ingest"]["include"] = ["*sales_*.parquet", "*next_week.parquet"]
    plain["ingest"]["tables"] = {"products": "*products.parquet"}
    plain["snapshot"]["train_every_weeks"] = TRAIN_EVERY_WEEKS
    plain["ingest"]["format"]["columns"] = dict(COLUMNS)
    contacts = max(int(plain["plan"]["capacity"]), round(n_lines / LINES_PER_CUSTOMER * CONTACTED_SHARE))
    plain["plan"] |= {"capacity": contacts, "budget": float(COST_A_CONTACT * contacts)}
    yaml.dump(plain, home / "params.yaml")
    names = {f"c{number}": f"goods of kind {number}" for number in range(N_CATEGORIES)}
    yaml.dump({"names": names}, home / "words.yaml")
    (home / "inbox" / "waves").mkdir(parents=True)
    (home / "inbox" / "desk").mkdir()
    (home / "inbox" / "champion.json").write_text('{\n  "model_hash": null\n}\n')
    (home / "inbox" / "tombstones.json").write_text('{\n  "erased": [],\n  "check": ""\n}\n')
    (home / "inbox" / "excluded.txt").touch()
    (home / "audit").mkdir()
    who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "a shop")):
        subprocess.run(["git", *arguments], cwd=home, check=True)  # noqa: S603, S607
    return home


def command(stage: str) -> list[str]:
    """A stage's command, by this interpreter."""
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return [sys.executable, *str(stages[stage]["cmd"]).split()[1:]]
