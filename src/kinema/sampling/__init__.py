"""Which frames a model sees: pure functions on integers, and their streaming forms."""

from .clips import segments, windows
from .frames import first_n, jump, rate, uniform

__all__ = ["first_n", "jump", "rate", "segments", "uniform", "windows"]
