"""What every section of `params.yaml` is made of: a strict record, and the kinds of its numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Money = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A part of `params.yaml`; immutable, and strict about its keys.

    Its validator is made when first used: `Params` holds all sections, and would make each a second time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def _rising(values: list[float]) -> list[float]:
    if values != sorted(values):
        raise ValueError(f"expected rising numbers, got {values}")
    return values


Rising = AfterValidator(_rising)
