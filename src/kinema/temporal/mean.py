"""The bag of frames: the mean over the steps, which knows nothing of their order."""

from typing import Any, Literal

from .settings import Pooled


class Mean(Pooled):
    """The running mean of the input; `pool` last and mean both give the mean of all steps."""

    kind: Literal["mean"] = "mean"

    @property
    def reduce(self) -> Literal["last", "mean", "none"]:
        # The last running mean is the mean of all steps; the mean of the running means is another value.
        return "none" if self.pool == "none" else "last"

    def layers_for(self, input_size: int) -> Any:
        from .stack import RunningMean

        return RunningMean(input_size)
