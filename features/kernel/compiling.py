"""How a loop is compiled: once, at its first call, and kept beside its module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt

Array = npt.NDArray[Any]
Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """A loop as machine code: plain arrays in, new arrays out, nothing kept between calls."""
    return cast(Loop, numba.njit(cache=True, nogil=True, error_model="numpy")(loop))
