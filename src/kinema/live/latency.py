"""How late decisions come: percentiles in constant memory, however many there were."""

import numpy as np

# A bin is 2 % wide: from 0.1 ms to more than an hour.
_SHORTEST, _RATIO, _BINS = 1e-4, 1.02, 900


class Latencies:
    """Seconds, added one by one; `at` gives percentiles to 2 %."""

    def __init__(self) -> None:
        self.count, self.longest = 0, 0.0
        self._bins = np.zeros(_BINS, np.int64)

    def add(self, seconds: float) -> None:
        """Count one."""
        place = np.log(max(seconds, _SHORTEST) / _SHORTEST) / np.log(_RATIO)
        self._bins[min(int(np.ceil(place)), _BINS - 1)] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def at(self, percent: float) -> float:
        """The seconds that `percent` of them do not exceed, rounded up to a bin; 0 where there are none."""
        if not self.count:
            return 0.0
        place = int(np.searchsorted(self._bins.cumsum(), np.ceil(self.count * percent / 100)))
        return float(min(_SHORTEST * _RATIO**place, self.longest))
