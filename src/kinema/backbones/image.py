"""The module that the image networks share: frames uint8 [N, H, W, 3] -> features float32 [N, D]."""

from collections.abc import Sequence

from torch import Tensor, nn

from .module import Backbone, normalised

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)  # from [0, 1] to [-1, 1]


class ImageBackbone(Backbone):
    """A library's image network without its classifier, behind its own normalisation.

    `net` maps float [N, 3, H, W] to [N, D]; `blocks` are its parts from input to output.
    """

    def __init__(
        self,
        net: nn.Module,
        blocks: Sequence[nn.Module],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.net = net
        self.mean, self.std = tuple(mean), tuple(std)
        # A plain list: the blocks are parts of `net`, and must not be registered twice.
        self._blocks = list(blocks)

    def blocks(self) -> list[nn.Module]:
        return self._blocks

    def converted(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The library's names, with `net.` in front."""
        return {f"net.{key}": value for key, value in state.items()}

    def forward(self, x: Tensor) -> Tensor:
        # permute of a channels-last array is a view that torch already sees as channels_last.
        features: Tensor = self.net(self.cast(normalised(x, self.mean, self.std)).permute(0, 3, 1, 2))
        return features.float()
