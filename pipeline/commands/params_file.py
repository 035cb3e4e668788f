"""Writing `params.yaml` with its comments kept, in one step; what was there before stays beside it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from contracts import files
from contracts.params import load_params

BEFORE = "params.yaml.before"


def change_params(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Put changed values in, keep comments and order, and check the whole before it takes the file's place."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(type(None), _null)
    plain = yaml.load(path.read_text(encoding="utf-8"))
    _put(plain, changes)
    written = io.StringIO()
    yaml.dump(plain, written)
    draft = path.with_name(f".{path.name}.draft")
    files.write_text(draft, written.getvalue())
    try:
        load_params(draft)
        shutil.copyfile(path, path.with_name(BEFORE))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _null(representer: RoundTripRepresenter, _: None) -> ScalarNode:
    """An empty value as the word that people look for."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _put(plain: CommentedMap, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if (
            isinstance(value, dict)
            and isinstance(plain.get(key), CommentedMap)
            and key not in ("columns", "tables", "keep_rows")
        ):
            _put(plain[key], value)
        else:
            plain[key] = value
