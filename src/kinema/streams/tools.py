"""What the streams of one process share: flow methods, loaded once, and how many threads they may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..resources import Resources

if TYPE_CHECKING:
    from ..flow.methods import FlowMethod


class Tools:
    """Loads a flow method when it is first asked for, and keeps it."""

    def __init__(self, resources: Resources, *, threads: int = 1):
        self.resources, self.threads = resources, threads
        self._methods: dict[tuple[str, str], FlowMethod] = {}

    def flow(self, method: str, weights: str = "published") -> FlowMethod:
        """A flow method on the device. Raises `UsageError` and `WeightsError`."""
        found = self._methods.get((method, weights))
        if found is None:
            from ..flow.methods import load_method  # numba takes a second to import and is seldom needed

            found = self._methods[method, weights] = load_method(
                method,
                weights=weights,
                folder=self.resources.folder,
                download=not self.resources.offline,
                device=self.resources.device,
                threads=self.threads,
            )
        return found
