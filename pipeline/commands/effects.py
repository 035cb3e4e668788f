"""Commands about what offers brought: the effects shown so far, what waves can show, and another policy's value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from contracts.params import Params
    from offers.catalogue import Catalogue
    from offers.off_policy import Logs, Value

REPORT = Path("reports/effects/effects.json")
WAVE = Path("data/wave.parquet")
OUTCOMES, BELIEFS_FILE = Path("data/wave_outcomes.parquet"), Path("data/beliefs.parquet")
PARAMS, OFFERS, RULES, WORDS = (Path(name) for name in ("params.yaml", "offers.yaml", "portraits.yaml", "words.yaml"))
NOTHING = "–"
APPROXIMATED = (
    "Of what each row's exploration could draw: the offer of greatest expected profit. Approximated: each offer goes "
    "by its most profitable channel; benefits are taken up as the catalogue says; the value at stake is taken as "
    "certain; budgets, contacts and parity are not applied. What was learned of an offer counts under either "
    "catalogue, and these rows were among what taught it."
)


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("pull")(pull_command)
    app.command("effects")(effects_command)
    app.command("power")(power_command)
    app.command("off-policy")(off_policy_command)


def pull_command() -> None:
    """Bring published experiments and what the desk recorded into inbox/, which the stages read; `run` does so too.

    This command alone carries out everywhere else the erasures that were asked for at the desk (REGULARS_KEY).
    Example: regulars pull && dvc repro
    """
    from pipeline.commands.following import follow_erasures
    from pipeline.desk import has_desk
    from pipeline.inbox import pull_waves
    from pipeline.pulling import pull_desk

    n_changed = pull_waves(Path.cwd())
    typer.echo(f"inbox/waves: {n_changed} week{'' if n_changed == 1 else 's'} brought up to date")
    if has_desk(Path.cwd()):
        typer.echo(f"inbox/desk: {pull_desk(Path.cwd())} of 2 tables brought up to date")
        typer.echo(f"erasures of the desk followed: {follow_erasures(Path.cwd(), datetime.now(UTC))}")


def effects_command() -> None:
    """What each offer brought, by randomised comparison: customers kept, margin, and the verdict.

    From the report of matured waves. Example: regulars effects
    """
    from contracts.files import read_json
    from pipeline.commands.console import console

    report = read_json(REPORT)
    if not report["n_matured_waves"]:
        typer.echo(f"no wave has matured by {report['week_on']}; {_awaited(report['running'])}")
        return
    console().print(effects_table(report))
    if report["overall"]["n_treated"] and not report["overall"]["n_control"]:
        typer.echo("No controls: nothing can be compared; set plan.control_share.")
    else:
        typer.echo(report["overall"]["sentence"])
    if report["programme"]:
        typer.echo(report["programme"]["sentence"])


def _awaited(running: list[dict[str, Any]]) -> str:
    """When the next outcomes are due."""
    if not running:
        return "none is running: publish a week first"
    first = min(running, key=lambda wave: str(wave["matures_on"]))
    return f"the next, {first['wave']}, matures on {first['matures_on']}"


def effects_table(report: dict[str, Any]) -> Table:
    """One row an offer, all of the plan's offers together first."""
    from rich.table import Table

    n_waves = report["n_matured_waves"]
    waves = "1 matured wave" if n_waves == 1 else f"{n_waves} matured waves"
    table = Table(title=f"Effects by {report['week_on']}, of {waves}, with 95 % intervals")
    for name in ("offer", "treated", "controls", "kept, points", f"margin a customer, {report['currency']}", "verdict"):
        table.add_column(name, justify="left" if name in {"offer", "verdict"} else "right")
    for one in (report["overall"], *report["offers"]):
        table.add_row(
            one["name"] if one.get("is_offered", True) else f"{one['name']} (no longer offered)",
            f"{one['n_treated']:,}",
            f"{one['n_control']:,}",
            _interval(one["retention"], 100, 1),
            _interval(one["margin"], 1, 2),
            one["verdict"],
        )
    return table


def _interval(found: dict[str, Any], scale: float, decimals: int) -> str:
    """An estimate with its ends; a dash where nobody can say."""
    if found["estimate"] is None:
        return NOTHING
    shown = f"{scale * found['estimate']:+.{decimals}f}"
    if found["low"] is None:
        return shown
    return f"{shown} [{scale * found['low']:+.{decimals}f}, {scale * found['high']:+.{decimals}f}]"


def power_command() -> None:
    """What weeks like the planned wave can show, and after how many of them; what leaving its controls alone costs.

    Nothing needs to have been sent: the size and risk of the present plan's wave count. Example: regulars power
    """
    from contracts.files import read_table
    from contracts.params import load_params
    from contracts.wave_tables import WAVES
    from offers.effects.awaited import learning

    wave, params = read_table(WAVE, WAVES), load_params(PARAMS)
    found = learning(wave, params.collect.smallest_effect)
    if found is None:
        typer.echo("the present plan selects nobody for an offer that experiments judge: nothing would be shown")
        return
    for offer in found["offers"]:
        typer.echo(f"{offer['offer']}: {offer['sentence']}")
    typer.echo(f"left alone as controls, a week forgoes an expected {found['forgone']:.2f} {params.store.currency}")


def off_policy_command(
    offers: Annotated[Path, typer.Option(help="Another catalogue, as offers.yaml.")] = OFFERS,
    params: Annotated[Path, typer.Option(help="Other parameters, as params.yaml: plan.caution counts here.")] = PARAMS,
) -> None:
    """What each customer's best offer would have brought under another catalogue, by the logs of exploration.

    Refused where the logs cannot say. Example: regulars off-policy --offers other_offers.yaml
    """
    from contracts.files import read_table
    from contracts.wave_tables import BELIEFS, WAVE_OUTCOMES
    from offers.off_policy import logged
    from pipeline.commands.console import console

    logs = logged(read_table(OUTCOMES, WAVE_OUTCOMES))
    learned = read_table(BELIEFS_FILE, BELIEFS)
    policies = {"present": _policy(logs, learned, *_read(OFFERS, PARAMS))}
    if (offers, params) != (OFFERS, PARAMS):
        catalogue, others = _read(offers, params)
        policies["other"] = _policy(logs, learned, catalogue, others)
        _say_unseen(logs, catalogue)
    console().print(values_table(logs, policies))
    typer.echo(APPROXIMATED)


def _read(offers: Path, params_file: Path) -> tuple[Catalogue, Params]:
    """A catalogue and parameters, checked against each other."""
    from contracts.params import load_params
    from pipeline.planning import read_offers

    params = load_params(params_file)
    catalogue, _, _ = read_offers(params, offers=offers, rules=RULES, words=WORDS)
    return catalogue, params


def _policy(logs: Logs, learned: Any, catalogue: Catalogue, params: Params) -> Any:
    """What the rule of a catalogue and parameters would take of each row's options."""
    from offers.off_policy import preferred

    full_price_from = 1 - params.portray.promotion_shares[0]
    return preferred(logs, catalogue, learned, caution=params.plan.caution, full_price_from=full_price_from)


def _say_unseen(logs: Logs, catalogue: Catalogue) -> None:
    """Which offers no row could have drawn: of them the logs know nothing."""
    unseen = [offer.id for offer in catalogue.offers if offer.id not in logs.arms]
    if unseen:
        typer.echo(f"never an option in these logs, so not judged: {', '.join(unseen)}")


def values_table(logs: Logs, policies: dict[str, Any]) -> Table:
    """One row an outcome, policy and method; of two policies the paired difference as well."""
    from rich.table import Table

    table = Table(title=f"Value a customer by {len(logs):,} draws of exploration, 95 % intervals")
    for name in ("outcome", "policy", "method", "value", "rows that count"):
        table.add_column(name, justify="left" if name in {"outcome", "policy", "method"} else "right")
    for outcome, policy, value in _values(logs, policies):
        shown = f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
        table.add_row(outcome, policy, value.method, shown, f"{value.effective_rows:,.0f}")
    return table


def _values(logs: Logs, policies: dict[str, Any]) -> Iterator[tuple[str, str, Value]]:
    from offers.off_policy import policy_difference, policy_values

    for policy in policies.values():
        policy_values(logs, policy)  # refuses before anything is fitted
    for outcome in ("margin", "kept"):
        predictions = _predictions(logs, outcome)
        for name, policy in policies.items():
            for value in policy_values(logs, policy, outcome, predictions=predictions):
                yield outcome, name, value
        if "other" in policies:
            both = policies["other"], policies["present"]
            for value in policy_difference(logs, *both, outcome, predictions=predictions):
                yield outcome, "other − present", value


def _predictions(logs: Logs, outcome: Any) -> Any:
    """What each option was expected to bring, from other customers' draws: for the doubly robust estimate."""
    import pandas as pd

    from models.uplift.scores import cross_predictions
    from models.uplift.trial import trial_of

    features = ["p_lapse", "value_at_stake", "margin_before", "full_price_share_before"]
    trial = trial_of(
        logs.rows[features],
        features,
        logs.arms,
        drawn=logs.rows["offer"].tolist(),
        propensity=logs.propensity,
        outcome=logs.outcome(outcome),
        customers=logs.rows["customer_id"].tolist(),
    )
    wide = pd.DataFrame(cross_predictions(trial), columns=list(logs.arms)).join(logs.rows[["wave", "customer_id"]])
    return wide.melt(["wave", "customer_id"], var_name="offer", value_name="predicted")
