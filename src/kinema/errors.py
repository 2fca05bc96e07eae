"""What a user can do wrong. Every message is one line that ends with the cure.

The library raises these and never prints or exits; the command line turns them into
exit code 2 (the call is wrong: `UsageError`) or 1 (the work failed: `WorkError`).
"""


class KinemaError(Exception):
    """Base of all errors that a user can cause. `str(error)` is one line."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class UsageError(KinemaError):
    """The call is wrong: unknown recipe, bad key, missing folder, unusable split (exit code 2)."""


class WorkError(KinemaError):
    """The call was right and the work failed: full disk, NaN loss, no readable video (exit code 1)."""


class MediaError(WorkError):
    """A video or sound track cannot be read. Extraction quarantines the file and goes on."""


class WeightsError(UsageError):
    """Pretrained weights are absent or do not fit their backbone."""
