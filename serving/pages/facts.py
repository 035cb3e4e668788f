"""What was found out: the offers' effects, the model behind the list, the data behind the model."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from serving.api.access import OpenDesk, Viewer
from serving.desk import weeks
from serving.desk.database import Desk
from serving.desk.weeks import Week
from serving.pages.pictures import forest
from serving.pages.rendering import render

FIGURES = ("auc_mean", "average_precision", "lift_at_10", "log_loss", "brier", "calibration_error")
"""Figures of the test weeks in the order in which the page shows them; the first is a mean over cutoffs."""
SLICES = ("group", "channel", "tier")


def add_routes(app: FastAPI) -> None:
    """Add this module's routes."""
    app.get("/campaigns", include_in_schema=False)(campaigns)
    app.get("/model", include_in_schema=False)(model)
    app.get("/data", include_in_schema=False)(data)


def campaigns(_: Viewer, request: Request, desk: OpenDesk) -> Response:
    """What each offer did, by randomised comparison."""
    week, held, _said = _latest(desk)
    effects = held.get("effects") or {}
    rows = [one for one in (effects.get("overall"), *effects.get("offers", [])) if one and "retention" in one]
    drawn = forest([one["retention"] for one in rows])
    slices = {name: effects.get("slices", {}).get(name, []) for name in SLICES}
    return render(
        request, "campaigns", page="campaigns", week=week, effects=effects, rows=rows, forest=drawn, slices=slices
    )


def model(_: Viewer, request: Request, desk: OpenDesk) -> Response:
    """Which model made the list, and how good it was where it had not looked."""
    week, held, said = _latest(desk)
    told = held.get("metrics") or {}
    rows = [_figure(name, told) for name in FIGURES if name in told.get("test", {})]
    return render(
        request,
        "model",
        page="model",
        week=week,
        manifest=said,
        gate=held.get("gate"),
        metrics=told,
        figures=rows,
        baseline=(held.get("gate") or {}).get("best_baseline", ""),
        monitor=held.get("monitor"),
    )


def _figure(name: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """One figure with its interval, and the same of every baseline."""
    stem, test = name.removesuffix("_mean"), metrics["test"]
    return {
        "name": stem,
        "value": test[name],
        "low": test.get(f"{stem}_low"),
        "high": test.get(f"{stem}_high"),
        "baselines": {other: found.get(name) for other, found in metrics.get("baselines", {}).items()},
    }


def data(_: Viewer, request: Request, desk: OpenDesk) -> Response:
    """What the data report found."""
    week, held, _said = _latest(desk)
    report = held.get("data") or {}
    return render(request, "data", page="data", week=week, report=report, findings=report.get("findings", []))


def _latest(desk: Desk) -> tuple[Week, dict[str, Any], dict[str, Any]]:
    """The latest week, the plain data that came with it, and its manifest."""
    with desk.reading() as connection:
        week = weeks.find_week(connection)
        return week, weeks.documents_of(connection, week), weeks.manifest(connection, week.id)
