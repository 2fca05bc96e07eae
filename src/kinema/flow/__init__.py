"""Two frames -> displacement field float32 [2, H, W] in pixels."""

from importlib import import_module
from typing import Any

_WHERE = {
    "tvl1": "tvl1_numba",
    "Tvl1Options": "tvl1_options",
    "METHODS": "methods",
    "FlowMethod": "methods",
    "Pairs": "pairs",
    "load_method": "methods",
    "describe_method": "methods",
    "flow_to_color": "color",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
