"""The layers of the motion CNN; see `motion_cnn` for where they come from."""

import torch
from torch import Tensor, nn

from ..errors import UsageError
from .module import Backbone, check_stack

FEATURES = 2048
GRID = (6, 8)  # what 240 x 320 leaves after the last pooling
LEAST_SIDE = 67  # the smallest at which the last pooling still has an output


class MotionCnn(Backbone):
    """Flow stacks float32 [N, H, W, C], C = 2L, in [-1, 1] -> features float32 [N, 2048].

    The paper leaves open the padding (here none at conv1, 1 elsewhere, as in the network of Chatfield et al.
    2014 that it follows) and writes "pooling; norm": ReLU, max pooling (3x3, stride 2), then batch norm,
    which stands in for local response norm. Dropout is 0.5. 240 x 320 gives full6 its 6 x 8 x 512 inputs;
    other sizes are averaged to that grid.
    """

    def __init__(self, stack: int = 10, dropout: float = 0.5) -> None:
        super().__init__()
        self.stack = stack
        self.conv1 = nn.Conv2d(2 * stack, 96, 7, stride=2)
        self.norm1 = nn.BatchNorm2d(96)
        self.conv2 = nn.Conv2d(96, 256, 5, stride=2, padding=1)
        self.conv3 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5 = nn.Conv2d(512, 512, 3, padding=1)
        self.full6 = nn.Linear(512 * GRID[0] * GRID[1], 4096)
        self.full7 = nn.Linear(4096, FEATURES)
        self.dropout = dropout
        self.pool = nn.MaxPool2d(3, stride=2)
        self.grid = nn.AdaptiveAvgPool2d(GRID)

    def blocks(self) -> list[nn.Module]:
        """conv1 with its norm, conv2, ..., full7."""
        first = nn.Sequential(self.conv1, self.norm1)
        return [first, self.conv2, self.conv3, self.conv4, self.conv5, self.full6, self.full7]

    def forward(self, x: Tensor) -> Tensor:
        """Stacks [N, H, W, C] of at least 67 x 67 pixels -> features [N, 2048]. Raises `UsageError`."""
        check_stack(x, self.stack)
        if min(x.shape[1:3]) < LEAST_SIDE:
            raise UsageError(
                f"flow of {x.shape[1]} x {x.shape[2]} pixels is too small for the motion CNN; "
                f"give {LEAST_SIDE} x {LEAST_SIDE} or more"
            )
        x = self.cast(x).permute(0, 3, 1, 2)
        x = self.norm1(self.pool(torch.relu(self.conv1(x))))
        x = self.pool(torch.relu(self.conv2(x)))
        x = torch.relu(self.conv4(torch.relu(self.conv3(x))))
        x = self.grid(self.pool(torch.relu(self.conv5(x))))
        x = self._dropped(torch.relu(self.full6(x.flatten(1))), self.full6)
        return self._dropped(torch.relu(self.full7(x)), self.full7).float()

    def _dropped(self, x: Tensor, layer: nn.Module) -> Tensor:
        # Check the layer's mode, not the module's: `Backbone` keeps what it froze in evaluation mode.
        return nn.functional.dropout(x, self.dropout, training=layer.training)
