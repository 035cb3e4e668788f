"""People with several ids: which id each of them counts as, and all ids of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd


def same_as_map(customers: pd.DataFrame | None) -> dict[str, str]:
    """Which id each further id counts as; chains are followed to their end.

    A circle, and whatever leads into it, counts as the circle's first id by name.
    """
    direct = _links(customers)
    return {name: last for name in direct if (last := _last(name, direct)) != name}


def whole_persons(customers: pd.DataFrame | None, ids: Iterable[str]) -> set[str]:
    """The ids, and every other id that is linked to one of them, directly or by way of others."""
    near: dict[str, set[str]] = {}
    for one, other in _links(customers).items():
        near.setdefault(one, set()).add(other)
        near.setdefault(other, set()).add(one)
    found, ahead = set(ids), list(ids)
    while ahead:
        new = near.get(ahead.pop(), set()) - found
        found |= new
        ahead += sorted(new)
    return found


def flagged(customers: pd.DataFrame | None, flag: str) -> set[str]:
    """Every id of the people who have said yes to a flag, under whichever of their ids."""
    if customers is None or flag not in customers.columns:
        return set()
    said = customers.loc[customers[flag].eq(True).fillna(False).astype(bool), "customer_id"]
    return whole_persons(customers, said.tolist())


def _links(customers: pd.DataFrame | None) -> dict[str, str]:
    if customers is None or "same_as" not in customers.columns:
        return {}
    named = customers[customers["same_as"].notna() & (customers["same_as"] != customers["customer_id"])]
    return dict(zip(named["customer_id"].astype(str), named["same_as"].astype(str), strict=True))


def _last(name: str, direct: Mapping[str, str]) -> str:
    seen = [name]
    while seen[-1] in direct and direct[seen[-1]] not in seen:
        seen.append(direct[seen[-1]])
    return min(seen[seen.index(direct[seen[-1]]) :]) if seen[-1] in direct else seen[-1]
