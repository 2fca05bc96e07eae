"""Attentive pooling: learned queries look at the steps."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .attention import Attention


class Attentive(Attention):
    """Learned `queries` attend to the steps; E is queries * units. Without `mlp` it is what they saw alone.

    The probe by which frozen models are judged: Chen et al. 2022 (CAE), arXiv:2202.03026, and Bardes et al.
    2024 (V-JEPA), arXiv:2404.08471, who have one query. Several can look at different times.
    """

    kind: Literal["attentive"] = "attentive"
    queries: Annotated[int, Field(ge=1, le=1024)] = 4
    mlp: bool = True

    def build(self, input_size: int) -> Any:
        from .attentive_net import AttentiveModel

        return AttentiveModel(self, input_size)
