"""`docs/reference/`: parameters, offers, commands, API, figures, alerts, exit codes and variables, made from the code.

Run as `python -m pipeline.reference.pages docs/reference`; a test holds the pages equal to what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from contracts import errors
from contracts.files import write_text
from contracts.params import Params
from contracts.params.base import Section
from models.monitoring.checks import QUESTIONS, REMEDIES
from offers.audience import Audience, Occasion
from offers.catalogue import Catalogue, Component, Gain, Offer, Prior
from offers.channel import Channel
from pipeline.operating.doctor import CHECKS, ILL_EXIT_CODE
from pipeline.operating.weekly import ALERTED

MADE = "Made by `make docs` from the code; a test holds them equal.\n"
ABOUT_API = """`regulars serve` answers below `/v1`; `/v1/openapi.json` is the whole description.
Programs send a token (`regulars token make`) as `Authorization: Bearer …`.
"""
ABOUT_FIGURES = """Each is a mean over the test cutoffs, of rows that were never trained on. Where `_low` and `_high`
stand beside it, they are a 95 % interval by bootstrap over customers.
"""
ABOUT_ALERTS = f"""Stage `monitor` asks these every week; codes are stable, and `regulars weekly` ends with exit code
{ALERTED} where one alerts.
"""
VARIABLES = {
    "REGULARS_KEY": "the secret that hashes ids and marks erased customers; keep it, and in no file of the project",
    "REGULARS_DATABASE_URL": "the address of the purchases' database (`ingest.source: sql`)",
    "REGULARS_DESK_DATABASE": "the desk's database, if it is not `desk/desk.sqlite`",
    "REGULARS_DESK_LOCALE": "how the desk writes dates and money, as `de_DE`; `zh_CN` gives the pages in Chinese too",
    "REGULARS_DESK_STALE_DAYS": "days after which exports are refused for want of recent activity; 3 if it is not set",
    "REGULARS_DESK_URL": "the desk's own address, to which a provider sends people back",
    "REGULARS_OIDC_ISSUER": "the provider that vouches for people (OpenID Connect)",
    "REGULARS_OIDC_CLIENT_ID": "the desk's registration there",
    "REGULARS_OIDC_CLIENT_SECRET": "its secret",
    "REGULARS_OIDC_CLAIM": "the claim that names the account; `preferred_username` if it is not set",
    "REGULARS_MLFLOW_URL": "where the desk's page of the model leads to",
    "REGULARS_LOG": "`json`: every line of progress is an object, for programs",
    "REGULARS_EXECUTOR": "`local` or `dask`, in place of `execution.executor` for one run",
    "REGULARS_WORKERS": "processes, in place of `execution.workers` for one run",
    "REGULARS_SCHEDULER": "the address of Dask's scheduler, in place of `execution.scheduler` for one run",
    "REGULARS_BENCHMARK_DATA": "a folder of public data sets; tests and benchmarks that need it skip without it",
    "REGULARS_EXAMPLES": "how many stores the long proofs draw (`make prove`)",
}
"""Every variable that the product reads, beside MLflow's and DVC's own; a test looks for others."""
FIGURES = {
    "auc": "area under the ROC curve: the chance that one who lapsed was ranked above one who stayed; 0.5 is chance",
    "average_precision": "mean precision over the recall steps of the ranking; the lapse rate is chance",
    "lift_at_10": "lapse rate of the tenth ranked first, as a multiple of everybody's",
    "brier": "mean squared difference of probability and outcome; lower is better",
    "log_loss": "mean negative log likelihood, nats a row; lower is better; what the gate and the champion go by",
    "calibration_error": "mean distance of predicted and observed share over ten groups of equal size",
}
"""What the figures of `reports/metrics.json` mean; a test holds the names equal to those that are measured."""


def pages() -> dict[str, str]:
    """Every page by its file's name, as Markdown."""
    return {
        "parameters.md": _parameters(),
        "offers.md": _offers(),
        "commands.md": _commands(),
        "api.md": _api(),
        "figures.md": _figures(),
        "alerts.md": _alerts(),
        "running.md": _running(),
    }


def _parameters() -> str:
    parts = ["# Parameters: `params.yaml`\n", MADE, "Unknown keys are refused, with the nearest right name.\n"]
    for name, field in Params.model_fields.items():
        section = field.annotation
        assert isinstance(section, type) and issubclass(section, Section)  # noqa: PT018, S101 – holds by their type
        parts += [f"## `{field.alias or name}`\n", f"{_sentence(section)}\n", *_fields(section, [])]
    return "\n".join(parts)


def _offers() -> str:
    head = [
        "# Offers: `offers.yaml`\n",
        MADE,
        "An offer only gives: no field can say a surcharge, or take something away. `regulars offers` checks them.\n",
    ]
    for model in (Catalogue, Channel, Offer, Component, Audience, Occasion, Prior, Gain):
        head += [f"## {model.__name__}\n", f"{_sentence(model)}\n", *_fields(model, [])]
    return "\n".join(head)


def _fields(model: type[BaseModel], above: Sequence[str]) -> list[str]:
    rows: list[str] = []
    nested: list[str] = []
    for name, field in model.model_fields.items():
        shown = ".".join([*above, field.alias or name])
        inner = _inner(field)
        rows.append(f"| `{shown}` | {_kind(field)} | {_default(field)} | {_cell(field.description or '')} |")
        if inner and not above:
            nested += [f"\n### `{shown}`\n", f"{_sentence(inner)}\n", *_fields(inner, [shown])]
    return ["| key | what | if left out | meaning |", "|---|---|---|---|", *rows, *nested, ""]


def _inner(field: FieldInfo) -> type[Section] | None:
    found = field.annotation
    is_own = isinstance(found, type) and issubclass(found, Section) and found not in (Audience, Occasion, Prior, Gain)
    return found if is_own else None  # type: ignore[return-value]


def _kind(field: FieldInfo) -> str:
    schema = _schema(field)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_of_schema(one) for one in schema["anyOf"]))
    return _of_schema(schema)


def _schema(field: FieldInfo) -> dict[str, Any]:
    from pydantic import create_model

    given: Any = (field.annotation, field)
    return dict(create_model("One", value=given).model_json_schema()["properties"]).popitem()[1]  # type: ignore[no-any-return]


def _of_schema(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "yes or no", "null": "null"}
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_of_schema(schema.get('items', {}))}"
    return f"{names.get(kind, 'mapping')}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    said = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {schema[name]:g}" for name, sign in said.items() if name in schema]
    return f" {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return "its defaults"
    empty = value is None or (not isinstance(value, bool | int | float) and not value)
    return "nothing" if empty else f"`{list(value) if isinstance(value, tuple) else value}`"


def _commands() -> str:
    import typer

    from pipeline.cli import app

    parts = ["# Commands\n", MADE, "`regulars COMMAND --help` says the same.\n"]
    group = typer.main.get_command(app)
    for path, command in _walk(group, ("regulars",)):
        parts += _command(path, command)
    return "\n".join(parts)


def _walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk(command, (*path, name))
        else:
            yield (*path, name), command


def _command(path: tuple[str, ...], command: Any) -> list[str]:
    parts = [f"## `{' '.join(path)}`\n", f"{_paragraphs(command.help or '')}\n"]
    rows = [_parameter(one) for one in command.params if one.name != "help"]
    if rows:
        parts += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    return parts


def _parameter(one: Any) -> str:
    is_option = one.param_type_name == "option"
    names = [*one.opts, *one.secondary_opts] if is_option else [one.name.upper()]
    shown = ", ".join(f"`{name}`" for name in names)
    has_default = is_option and one.default not in (None, False, ()) and not callable(one.default)
    default = f" (default `{getattr(one.default, 'value', one.default)}`)" if has_default else ""
    return f"| {shown} | {_cell((getattr(one, 'help', None) or '').strip())}{default} |"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()).replace("<", "\\<") for part in text.split("\n\n"))


def _api() -> str:
    import sqlalchemy as sa

    from serving.api.app import create_app
    from serving.desk.database import Desk

    told = create_app(Desk(sa.create_engine("sqlite://"))).openapi()
    parts = [
        "# API\n",
        MADE,
        ABOUT_API,
        "| method | path | what |",
        "|---|---|---|",
    ]
    for path, methods in sorted(told["paths"].items()):
        for method, one in methods.items():
            said = one.get("description") or one.get("summary") or ""
            parts.append(f"| {method.upper()} | `{path}` | {_cell(said)} |")
    return "\n".join([*parts, ""])


def _figures() -> str:
    rows = [f"| `{name}` | {_cell(text)} |" for name, text in FIGURES.items()]
    return "\n".join(
        [
            "# Figures of `reports/metrics.json`\n",
            MADE,
            ABOUT_FIGURES,
            "| figure | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _alerts() -> str:
    rows = [f"| `{code}` | {_cell(question)} | {_cell(REMEDIES[code])} |" for code, question in QUESTIONS.items()]
    looks = [f"| `{code}` |" for code in CHECKS]
    return "\n".join(
        [
            "# Alerts\n",
            MADE,
            ABOUT_ALERTS,
            "| code | question | what to do if it alerts |",
            "|---|---|---|",
            *rows,
            "",
            "`regulars doctor` looks at:\n",
            "| code |",
            "|---|",
            *looks,
            "",
        ]
    )


def _running() -> str:
    known = [one for one in vars(errors).values() if isinstance(one, type)]
    families = sorted((one for one in known if issubclass(one, errors.RegularsError)), key=lambda one: one.exit_code)
    codes = [f"| {one.exit_code} | {_cell(_sentence(one))} |" for one in families]
    variables = [f"| `{name}` | {_cell(text)} |" for name, text in VARIABLES.items()]
    return "\n".join(
        [
            "# Exit codes and variables\n",
            MADE,
            "## Exit codes\n",
            "| code | meaning |",
            "|---|---|",
            "| 0 | done |",
            *codes,
            "| 2 | a command's option or argument is not known |",
            f"| {ILL_EXIT_CODE} | of `regulars doctor`: something is ill |",
            f"| {ALERTED} | of `regulars weekly`: published, and the monitor alerts |",
            "",
            "## Environment variables\n",
            "| name | meaning |",
            "|---|---|",
            *variables,
            "",
        ]
    )


def _sentence(one: type) -> str:
    return " ".join((one.__doc__ or "").split()).replace("<", "\\<")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def main(arguments: Sequence[str]) -> None:
    """Write the pages into the folder that is named."""
    for name, text in pages().items():
        write_text(Path(arguments[0]) / name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
