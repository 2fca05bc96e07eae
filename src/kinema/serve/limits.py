"""How much one request, and all of them together, may take."""

from dataclasses import dataclass, fields

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are told to the client before they are met. All are positive; raises `UsageError`.

    upload_mb: megabytes (10^6) of one request. video_seconds: length of a video. megapixels: of its frames.
    work_seconds: from a request's turn to its answer. memory_mb: what one decoding process may take beyond
    what it has when it is ready. waiting: requests that may wait beside those at work. webcams: at one time.
    """

    upload_mb: float = 256.0
    video_seconds: float = 600.0
    megapixels: float = 10.0
    work_seconds: float = 300.0
    memory_mb: float = 1024.0
    waiting: int = 32
    webcams: int = 2

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise UsageError(f"{field.name}={getattr(self, field.name)}: a limit is more than 0")

    @property
    def upload_bytes(self) -> int:
        return int(self.upload_mb * 1e6)

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_mb * 1e6)
