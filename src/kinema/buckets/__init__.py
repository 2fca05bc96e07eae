"""Objects in buckets: listed, fetched into a bounded local cache, and written, through fsspec.

A URL becomes a path (`kinema.urls`) where a user's word enters; all other code sees a path. Whoever opens a
file asks for its bytes first: `local(path)`.
"""

from .cache import local
from .folder import local_folder
from .out import delivered, delivered_folder
from .path import as_path, on_disk

__all__ = ["as_path", "delivered", "delivered_folder", "local", "local_folder", "on_disk"]
