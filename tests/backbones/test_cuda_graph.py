"""A network as one launch, where there is a GPU."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from kinema.backbones.cuda_graph import WARM_UP, CapturedNetwork

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class Small(nn.Module):
    """A convolution, and as many ways to wait for the GPU as are asked for."""

    def __init__(self, *, waits: bool = False):
        super().__init__()
        self.conv, self.waits = nn.Conv2d(3, 8, 3), waits

    def forward(self, x: Tensor) -> Tensor:
        values = self.conv(x.float().permute(0, 3, 1, 2)).mean((2, 3))
        return values if not self.waits or float(values.sum()) < 0 else values + 1


def frames(number: int) -> Tensor:
    return torch.randint(0, 256, (number, 20, 20, 3), dtype=torch.uint8, device="cuda")


@pytest.mark.parametrize("waits", [False, True])
def test_every_batch_has_the_features_of_the_network(waits: bool) -> None:
    module = Small(waits=waits).cuda().eval()
    network = CapturedNetwork(module)
    with torch.inference_mode():
        for number in [4] * (WARM_UP + 3) + [2] * (WARM_UP + 2) + [4]:
            batch = frames(number)
            torch.testing.assert_close(network(batch).clone(), module(batch), rtol=1e-5, atol=1e-3)
    assert [captured is None for captured in network._captured.values()] == [waits, waits]


def test_other_threads_use_the_gpu_meanwhile() -> None:
    module = Small().cuda().eval()
    network, stop = CapturedNetwork(module), threading.Event()

    def busy() -> None:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            while not stop.is_set():
                torch.zeros(1 << 20).to("cuda")

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with torch.inference_mode():
            for number in range(2, 30):
                for _ in range(WARM_UP + 2):
                    batch = frames(number)
                    torch.testing.assert_close(network(batch).clone(), module(batch), rtol=1e-5, atol=1e-3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert all(captured is not None for captured in network._captured.values())
