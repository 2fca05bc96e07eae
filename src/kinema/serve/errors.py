"""What a client can do wrong, as a status and one line that ends with the cure."""

from collections.abc import Mapping

from ..errors import KinemaError, MediaError, UsageError
from ..labelling.label_file import Conflict, NotSaved
from .bounded import TooLarge
from .decoders import Stopped


class Refused(Exception):
    """A request is answered by `status` and one line."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})


def status_of(error: KinemaError) -> int:
    """The status of an answer that is no answer: 413 beyond a limit, 422 for a file that cannot be read."""
    match error:
        case TooLarge():
            return 413
        case MediaError():
            return 422
        case UsageError():
            return 400
        case Conflict():
            return 409
        case NotSaved():
            return 507
        case Stopped():
            return 503
    return 500
