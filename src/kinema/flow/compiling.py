"""How numba compiles this package's kernels: without the GIL, vectorised, cached where that is possible."""

from collections.abc import Callable
from functools import partial
from typing import Any

from numba import njit
from numba.core.compiler import Compiler


class NoAlias(Compiler):
    """Promises LLVM that array arguments do not overlap in what is written.

    Without the promise a loop over a dozen arrays needs more run-time overlap checks than LLVM is
    willing to make, and stays scalar: seven times slower. Callers keep the promise.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.flags.noalias = True


# No division checks (they stop vectorisation), contraction and reordering of sums allowed, no NaN.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": True}


def compiled(function: Callable[..., Any], **extra: Any) -> Callable[..., Any]:
    """`numba.njit` whose cache is used where there is a writable place for it (`NUMBA_CACHE_DIR`)."""
    try:
        return njit(cache=True, **OPTIONS, **extra)(function)
    except RuntimeError:  # no writable place for the cache: compile in every process
        return njit(**OPTIONS, **extra)(function)


# For the innermost loops: no two array arguments may overlap in what is written.
compiled_row = partial(compiled, pipeline_class=NoAlias)
