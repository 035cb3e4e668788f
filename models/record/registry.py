"""The model registry: one version a model hash, and the aliases `champion` and `challenger`.

The alias is the truth about who is champion, also when it was moved in MLflow's own pages. Every function takes the
client of a `models.record.tracking.session` and the registered model's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts.errors import StateError, UnknownNameError
from models.record.tracking import LoggedRun

if TYPE_CHECKING:
    from models.record.tracking import Client

CHAMPION = "champion"
CHALLENGER = "challenger"
REVIEWED = "reviewed"
UNREVIEWED = "unreviewed"
KEPT_UP_TO_DATE = ("gate_passed", "gate_rule", "verdict", "compared_with", "verdict_sentence", "gain_low")


@dataclass(frozen=True)
class Version:
    """One registered model. `grade` is model or rule; `gate_rule` says what the gate asked for, in one sentence.

    `verdict` is that against the champion whose hash is `compared_with` ('' where there was nothing to compare), said
    in `sentence`; `gain_low` is the lower end of its interval of log loss gained; `author` is who wrote it.
    """

    number: int
    model_hash: str
    grade: str
    run_id: str
    source: str
    gate_passed: bool
    gate_rule: str
    review: str
    verdict: str = ""
    compared_with: str = ""
    sentence: str = ""
    gain_low: float | None = None
    author: str = ""

    @property
    def short(self) -> str:
        """'version 3 (0123456789ab)'."""
        return f"version {self.number} ({self.model_hash[:12]})"


def champion(client: Client, name: str) -> Version | None:
    """The version that scores, or None before the first release."""
    return at_alias(client, name, CHAMPION)


def at_alias(client: Client, name: str, alias: str) -> Version | None:
    """The version that an alias points to, or None."""
    found = _model(client, name)
    number = found.aliases.get(alias) if found else None
    return None if number is None else version(client, name, int(number))


def version(client: Client, name: str, number: int) -> Version:
    """A version by its number; `UnknownNameError` if there is none."""
    for found in client.search_model_versions(f"name = '{name}'"):
        if int(found.version) == number:
            return _version(found)
    raise UnknownNameError(f"no version {number} of the model '{name}'; see `make mlflow` for those there are")


def versions(client: Client, name: str) -> list[Version]:
    """Every version that regulars registered, the earliest first."""
    known = [one for one in client.search_model_versions(f"name = '{name}'") if "model_hash" in one.tags]
    return sorted((_version(one) for one in known), key=lambda one: one.number)


def find(client: Client, name: str, model_hash: str) -> Version | None:
    """The version of a model hash, the earliest if someone registered it twice, or None."""
    found = client.search_model_versions(f"name = '{name}' and tags.model_hash = '{model_hash}'")
    return min((_version(one) for one in found), key=lambda one: one.number, default=None)


def ensure_version(client: Client, name: str, run: LoggedRun, facts: Mapping[str, str]) -> Version:
    """The version of `facts['model_hash']`, registered from the run if new; its gate facts are kept up to date."""
    if _model(client, name) is None:
        client.create_registered_model(name, description="Probability that a customer makes no purchase in the horizon")
    there = find(client, name, facts["model_hash"])
    if there is None:
        made = client.create_model_version(
            name, source=run.model_uri, run_id=run.run_id, tags={"review": UNREVIEWED, **facts}, model_id=_model_id(run)
        )
        return _version(made)
    kept = KEPT_UP_TO_DATE if facts.get("compared_with") else KEPT_UP_TO_DATE[:2]  # a verdict is never unsaid
    return set_tags(client, name, there, {key: facts[key] for key in kept if key in facts})


def _model_id(run: LoggedRun) -> str:
    return run.model_uri.removeprefix("models:/")


def move_alias(client: Client, name: str, alias: str, to: Version) -> None:
    """Point an alias to a version; nothing is written if it points there already."""
    now = at_alias(client, name, alias)
    if now is None or now.number != to.number:
        client.set_registered_model_alias(name, alias, str(to.number))


def describe(client: Client, name: str, of: Version, text: str) -> None:
    """Write a version's description, which MLflow's page of it shows first; nothing if it says so already."""
    if client.get_model_version(name, str(of.number)).description != text:
        client.update_model_version(name, str(of.number), description=text)


def set_tags(client: Client, name: str, of: Version, tags: Mapping[str, str]) -> Version:
    """Write the tags that differ, and return the version as it is then."""
    now = client.get_model_version(name, str(of.number)).tags
    for key, value in tags.items():
        if now.get(key) != value:
            client.set_model_version_tag(name, str(of.number), key, value)
    return version(client, name, of.number)


def _model(client: Client, name: str) -> Any:
    return next(iter(client.search_registered_models(f"name = '{name}'")), None)


def _version(found: Any) -> Version:
    tags = found.tags
    if "model_hash" not in tags:
        raise StateError(
            f"version {found.version} of '{found.name}' has no tag model_hash, so regulars did not register it; "
            "move the alias back to one that it did"
        )
    return Version(
        number=int(found.version),
        model_hash=tags["model_hash"],
        grade=tags.get("grade", "model"),
        run_id=found.run_id or "",
        source=found.source,
        gate_passed=tags.get("gate_passed") == "true",
        gate_rule=tags.get("gate_rule", ""),
        review=tags.get("review", UNREVIEWED),
        verdict=tags.get("verdict", ""),
        compared_with=tags.get("compared_with", ""),
        sentence=tags.get("verdict_sentence", ""),
        gain_low=float(tags["gain_low"]) if tags.get("gain_low") else None,
        author=tags.get("author", ""),
    )
