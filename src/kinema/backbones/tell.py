"""What backbones have to say while they work: once each, to whoever listens."""

import warnings
from collections.abc import Callable
from contextvars import ContextVar


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=3)


# The command line shows it; from Python it is a warning.
LISTENER: ContextVar[Callable[[str], None]] = ContextVar("kinema_backbones", default=_warn)


def tell(text: str) -> None:
    """Say one line."""
    LISTENER.get()(text)
