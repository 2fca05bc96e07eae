"""The learned flow methods: where their published values are, and their parameters. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..weights.files import WeightFile, torchvision_file

_RAFT = "BSD-3-Clause; trained on FlyingChairs, FlyingThings3D and others"


@dataclass(frozen=True, slots=True)
class Network:
    """A learned method: its published file, its family (see `learned`), its parameters and their defaults."""

    weights: WeightFile
    family: str
    parameters: Mapping[str, int] = field(default_factory=dict)


NETWORKS = {
    "raft_small": Network(
        torchvision_file("raft_small_C_T_V2-01064c6d.pth", licence=_RAFT), "raft", {"updates": 12}
    ),
    "raft_large": Network(
        torchvision_file(
            "raft_large_C_T_SKHT_V2-ff5fadd5.pth", "raft_large_C_T_V2-1bb1363a.pth", licence=_RAFT
        ),
        "raft",
        {"updates": 12},
    ),
    "flownet2": Network(
        WeightFile(
            files=("flownet2-things-d63b53a7.ckpt",),
            url="https://github.com/hmorimitsu/ptlflow/releases/download/weights1/flownet2-things-d63b53a7.ckpt",
            licence="research only; trained on FlyingChairs and FlyingThings3D by the authors of FlowNet 2.0",
        ),
        "flownet2",
    ),
}
