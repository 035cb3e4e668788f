"""The second pass: every feature of a bucket's rows, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from features.kernel.context import Context
from features.kernel.kinds import value
from features.kernel.piece import Piece
from features.kernel.slots import ROWS_A_PIECE, Rows, pieces
from features.kernel.streams import Coded, Ints
from features.plan import closure
from features.records import Feature

Values = npt.NDArray[np.float32]


def compute(
    bucket: Coded,
    rows: Rows,
    cutoffs: Ints,
    features: Sequence[Feature],
    context: Context,
    *,
    rows_a_piece: int = ROWS_A_PIECE,
) -> Values:
    """The features of a bucket's rows: shape (rows, features), float32."""
    out = np.empty((len(features), len(rows.customer)), dtype=np.float32)
    plan = closure(features)
    for slots in pieces(bucket, rows, cutoffs, rows_a_piece):
        piece, rows_at = Piece(slots, bucket.goods, plan, context), _contiguous(slots.place)
        for place, feature in enumerate(features):
            out[place, rows_at] = value(piece, feature)
    return out.T


def _contiguous(places: Ints) -> slice | Ints:
    """Rising places as a slice, where nothing lies between them: written in one go."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == len(places) else places
