"""VGGish as a torch module, with the key names of the PyTorch checkpoints in use."""

from itertools import pairwise

from torch import Tensor, nn

from .module import Backbone
from .vggish_pca import Quantise

# Output channels of each convolution; M is a 2x2 max pooling.
LAYERS: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M")
POOLED = 6 * 4 * 512  # 96x64 after four poolings
EMBEDDING = (POOLED, 4096, 4096, 128)


class Vggish(Backbone):
    """Log-mel examples float32 [N, 96, 64] -> features float32 [N, 128], not negative.

    `quantised` adds AudioSet's post-processing: whole numbers from 0 to 255.
    """

    def __init__(self, quantised: bool = False) -> None:
        super().__init__()
        self.quantise = Quantise() if quantised else None
        self.features = _convolutions()
        dense = [layer for a, b in pairwise(EMBEDDING) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.embeddings = nn.Sequential(*dense)

    def blocks(self) -> list[nn.Module]:
        """Each convolution and each fully connected layer."""
        layers = [*self.features, *self.embeddings]
        return [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]

    def forward(self, x: Tensor) -> Tensor:
        """float32 [N, 96, 64] -> float32 [N, 128]."""
        maps = self.features(self.cast(x).unsqueeze(1))
        # The dense weights come from TensorFlow: they expect the channels last, [6, 4, 512], when flattened.
        features = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1)).float()
        return features if self.quantise is None else self.quantise(features)


def _convolutions() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 1
    for width in LAYERS:
        if isinstance(width, str):
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)
