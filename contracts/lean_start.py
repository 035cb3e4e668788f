"""What a stage's process need not load: packages that a library looks for and that the stage makes no use of.

LightGBM loads scikit-learn for its wrapper classes, and with it most of SciPy: more than a second of CPU for each stage
that only grows trees or reads them. A notebook, a test or the command line keeps everything: there somebody may want
the wrappers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

STAGES = "pipeline."


def is_stage() -> bool:
    """Whether this process is one stage of the pipeline and nothing else (`python -m pipeline.…`)."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name.startswith(STAGES) and spec.name != f"{STAGES}cli"


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """In a stage's process, let the imports inside find none of these packages, unless they are loaded already."""
    hidden = [name for name in packages if name not in sys.modules] if is_stage() else []
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None is how Python marks what cannot be found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
