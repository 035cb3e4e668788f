"""Lines that stand in several files: a line counts as often as in the one file that has it most often.

Equal lines within one file may be real (two equal articles on one receipt) and stay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from events.undoing import known_instants

NO_CONTENT = ("source", "source_line", "known_at", "repair", "rule", "problem")


def is_repeated(lines: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Marks the lines that another file has already given; of equal ones the first known stays.

    The k-th of a line's occurrences in one file equals the k-th in another.
    """
    repeated = np.zeros(len(lines), dtype=bool)
    readable = np.flatnonzero((lines["problem"] == "").to_numpy(dtype=bool))
    if lines["source"].iloc[readable].nunique() < 2:
        return repeated
    content = [name for name in lines.columns if name not in NO_CONTENT]
    code = np.zeros(len(readable), dtype=np.int64)
    for name in content:
        codes, distinct = pd.factorize(lines[name].iloc[readable], use_na_sentinel=False)
        code = pd.factorize(code * (len(distinct) + 1) + codes)[0].astype(np.int64)
    source = lines["source"].iloc[readable]
    order = pd.DataFrame(
        {
            "code": code,
            "source": pd.factorize(source, sort=True)[0],
            "known": known_instants(lines).iloc[readable].to_numpy(dtype="datetime64[us]"),
            "line": lines["source_line"].iloc[readable].to_numpy(),
        }
    ).sort_values(["code", "source", "known", "line"])
    order["occurrence"] = order.groupby(["code", "source"]).cumcount()
    order = order.sort_values(["code", "occurrence", "known", "source"])
    repeated[readable[order.index[order.duplicated(["code", "occurrence"])]]] = True
    return repeated
