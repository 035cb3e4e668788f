"""What `regulars run` says at its end: data, model against baseline, gate, champion, list, and where to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.files import read_json
from contracts.fit_sample import read_fit_sample
from models.candidate import held_hash, read_release
from models.monitoring.checks import in_a_line
from models.record import champions, ledger
from models.record.pairing import BETTER, COMPARISON_FILE, NO_WORSE, SAME
from serving import published
from serving.terminal import list_table, plain

if TYPE_CHECKING:
    from rich.console import Console

TOP = 10
PROMOTABLE = (BETTER, NO_WORSE, SAME)


def show_summary(console: Console, root: Path) -> None:
    """Print the summary of the project's last run; every figure with its unit, dates and interval."""
    from rich.table import Table

    revision = published.find_week(root / "published", published.week_of(root / "data" / "week"))
    facts = Table.grid(padding=(0, 2))
    for what, text in (*_data(root), *_model(root), *_champion(root), *_monitor(root), *_list(revision, root)):
        facts.add_row(plain(what), plain(text))
    console.print()
    console.print(list_table(revision.at_risk().head(TOP), revision.manifest, n_reasons=1))
    console.print(facts)


def _data(root: Path) -> Iterator[tuple[str, str]]:
    store = root / "data" / "events" / "manifest.json"
    if not store.exists():
        return
    facts: Mapping[str, Any] = read_json(store)
    text = (
        f"{facts['source']}: {facts['lines_accepted']:,} purchase lines of {facts['customers']:,} customers, "
        f"{facts['first_sale_on']} to {facts['last_sale_on']}; {facts['lines_rejected']:,} lines rejected"
    )
    yield "data", text


def _model(root: Path) -> Iterator[tuple[str, str]]:
    gate: Mapping[str, Any] = read_json(root / "reports" / "gate.json")
    metrics: Mapping[str, Any] = read_json(root / "reports" / "metrics.json")
    test, cutoffs = metrics["test"], read_json(root / "data" / "cutoffs.json")["test"]
    if gate["grade"] == "none":
        yield "model", f"no model could be fitted from this history: {metrics['why']}"
        return
    ends = "" if test.get("auc_low") is None else f" [{test['auc_low']:.3f}, {test['auc_high']:.3f}]"
    area = "AUC not defined" if test["auc_mean"] is None else f"AUC {test['auc_mean']:.3f}"
    losses = f"log loss {test['log_loss']:.4f}, calibration error {test['calibration_error']:.3f}"
    yield "model regulars", f"{area}{ends}, {losses}"
    for where, why in metrics.get("absent", {}).items():
        yield "", f"{where}: {why}"
    said = read_fit_sample(metrics).said
    judged = f"{len(cutoffs)} cutoffs {cutoffs[0]} to {cutoffs[-1]}" + (f", {said}" if said else "")
    yield "judged on", f"{judged}, never trained on (intervals: 95 %, over customers)"
    if gate.get("best_baseline"):
        gains = f"log loss lower by {_paired(gate['log_loss_gain'])}, AUC higher by {_paired(gate['auc_gain'])}"
        yield f"against {gate['best_baseline']}", gains
    passed = "passed" if gate["passed"] else "NOT passed"
    yield "gate", f"{passed}: released {gate['released']} (grade {gate['grade']}); rule: {gate['rule']}"


def _paired(gain: Mapping[str, float | None]) -> str:
    if gain["value"] is None or gain["low"] is None or gain["high"] is None:
        return "unknown (not defined on these rows)"
    return f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"


def _champion(root: Path) -> Iterator[tuple[str, str]]:
    entries = ledger.read_ledger(champions.place(root).ledger)
    now = ledger.champion_entry(entries)
    if now is None:
        yield "champion", "none: the list is made by rules, from due dates and each customer's own rhythm"
        return
    grade = read_release(root / "artifacts" / "champion")["grade"]
    review = f"reviewed by {now.who}" if ledger.is_reviewed(entries) else "unreviewed"
    yield "champion", f"{now.model_hash[:12]} (grade {grade}), {review}, since {now.at[:10]}"
    if now.who == ledger.NOBODY:
        yield "", f"{now.why}: nobody signed for it; look (`regulars ledger`), then promote or roll back with a name"
    candidate = held_hash(root / "artifacts" / "candidate")
    if not candidate:
        yield "challenger", "none: the champion of before scores on, for no model could be fitted from this history"
    elif candidate != now.model_hash:
        told = read_json(root / "reports" / "comparison" / COMPARISON_FILE)
        yield "challenger", f"{candidate[:12]} scores nothing until it is promoted. {told['sentence']}"
        if told["verdict"] in PROMOTABLE and read_json(root / "reports" / "gate.json")["passed"]:
            yield "", "to promote it: regulars promote --reviewer NAME --reason TEXT"
    elif review == "unreviewed":
        yield "", "nobody has looked at it yet: it became champion because there was none"


def _monitor(root: Path) -> Iterator[tuple[str, str]]:
    report = root / "reports" / "monitor" / "monitor.json"
    if report.exists():
        yield "monitor", f"{in_a_line(read_json(report))}; reports/monitor/monitor.html"


def _list(revision: published.Revision, root: Path) -> Iterator[tuple[str, str]]:
    counts = revision.manifest["counts"]
    offers = f"{counts['n_treated']:,} with an offer; {counts['n_control']:,} others left alone as controls"
    yield "list", f"{counts['n_listed']:,} customers, {offers}"
    yield "files", f"{revision.folder.relative_to(root)}/at_risk.csv, .parquet, .xlsx"
    yield "look closer", f"regulars list --week {revision.week}, regulars show CUSTOMER, make mlflow"
