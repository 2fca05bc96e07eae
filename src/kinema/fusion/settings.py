"""What every fusion declares. Imports no torch."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from ..errors import UsageError
from ..settings import Settings


class FusionSettings(Settings):
    """How the streams' embeddings meet. A subclass fixes `kind`, adds its own keys and builds the module.

    `stages` is how the streams are trained ahead of it: together, or each by itself. `closed_form` says
    whether it joins temporal models whose classifier is solved for, `gradients` those that are trained.
    """

    kind: str
    closed_form: ClassVar[bool] = False
    gradients: ClassVar[bool] = True
    stages: ClassVar[Literal["joint", "separate"]] = "joint"

    def check(self, streams: int, stages: str) -> None:
        """Raise ValueError where this many streams, trained like this, cannot be joined."""
        if stages != self.stages:
            raise ValueError(f"`fusion.kind: {self.kind}` needs `training.stages: {self.stages}`")

    def build(self, sizes: Sequence[int]) -> Any:
        """The module (`nn.Module`) for streams with embeddings of these sizes.

        It takes the embeddings [B, E_s] in stream order and `present` (bool [B, S]; None: all are), which
        says which streams a sample has at all: an absent one must not drag the others down. `output_size` is
        the size of its result. Raises UsageError where the sizes do not fit.
        """
        raise NotImplementedError

    def one_size(self, sizes: Sequence[int]) -> int:
        """The size that all embeddings have. Raises UsageError where they differ."""
        if len(set(sizes)) > 1:
            raise UsageError(
                f"fusion.kind: {self.kind} needs embeddings of one size, got {list(sizes)}; use concat"
            )
        return sizes[0]
