"""The modules that models of libraries are wrapped in: raw frames or clips in, pooled features out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ...errors import UsageError
from ..image import ImageBackbone
from ..module import row
from ..spec import BackboneSpec

_CONTAINERS = (nn.Sequential, nn.ModuleList)


def wrapped(net: nn.Module, spec: BackboneSpec) -> ImageBackbone:
    """The backbone around `net`, which maps normalised frames [N, 3, H, W], or clips [N, 3, L, H, W], to
    features [N, D]; normalised by the specification's own mean and standard deviation.
    """
    how = spec.input.preprocessing
    assert how is not None, "a library's model says how its input is normalised"
    pooled = Pooled(net, spec.name, spec.features["pool"])
    return LibraryBackbone(pooled, blocks_of(net), mean=how.mean, std=how.std)


class Pooled(nn.Module):
    """A network whose output is held to be features [N, D]: some models of a library give maps, or towers."""

    def __init__(self, net: nn.Module, name: str, dim: int):
        super().__init__()
        self.net, self.name, self.dim = net, name, dim

    def forward(self, x: Tensor) -> Tensor:
        features = self.net(x)
        if not isinstance(features, Tensor) or features.shape != (len(x), self.dim):
            found = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise UsageError(
                f"{self.name} gives no pooled features [N, {self.dim}] but {found}; choose another model "
                "of its library (`kinema backbones` lists them)"
            )
        return features


class LibraryBackbone(ImageBackbone):
    """A library's network behind its own normalisation, in the library's own order of steps and of memory:
    random networks magnify what another order rounds differently.
    """

    autocasts = True

    def forward(self, x: Tensor) -> Tensor:
        """Frames uint8 [N, H, W, 3] or clips uint8 [N, L, H, W, 3], RGB -> features float32 [N, D]."""
        mean, std = (row(values, x) for values in (self.mean, self.std))
        normalised = x.to(torch.float32).div(255).sub(mean).div(std)
        features: Tensor = self.net(self.cast(normalised.movedim(normalised.ndim - 1, 1).contiguous()))
        return features.float()


class _Own(nn.Module):
    """Parameters that a network holds itself (class tokens, positions), as a block of their own."""

    def __init__(self, owner: nn.Module, names: Sequence[str]):
        super().__init__()
        for name in names:
            self.register_parameter(name.replace(".", "_"), owner.get_parameter(name))


def blocks_of(net: nn.Module) -> list[nn.Module]:
    """The parts of any network, in the order in which it declares them; each parameter is in one of them."""
    found: list[nn.Module] = []
    seen: set[int] = set()
    for part in _parts(net):
        parameters = {id(p) for p in part.parameters()}
        if not parameters:
            continue
        if parameters & seen:  # a layer that is used twice counts where it came first
            names = [name for name, p in part.named_parameters() if id(p) not in seen]
            if not names:
                continue
            part = _Own(part, names)
        seen |= parameters
        found.append(part)
    return found


def _parts(net: nn.Module, inside: bool = False) -> Iterator[nn.Module]:
    own = [name for name, _ in net.named_parameters(recurse=False)]
    if own:
        yield _Own(net, own)
    for child in net.children():
        if _is_row(child) or any(map(_is_row, child.children())):
            yield from _parts(child, inside=True)
        elif not inside and any(map(_is_row, child.modules())):  # an encoder, or what an encoder lies in
            yield from _parts(child)
        else:
            yield child


def _is_row(part: nn.Module) -> bool:
    """Whether a module is a container of blocks: of several modules that have parts themselves."""
    if not isinstance(part, _CONTAINERS) or len(part) < 2:
        return isinstance(part, _CONTAINERS) and len(part) == 1 and _is_row(part[0])
    return any(True for child in part.children() for _ in child.children())
