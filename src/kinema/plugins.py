"""What other packages add by entry points: backbones, temporal models, layouts and flow methods.

    [project.entry-points."kinema.backbones"]
    my_net = "my_package.my_net"

A package that declares one of the `GROUPS` is found when it is installed; docs/plugins.md shows a whole one.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import UsageError

GROUPS = ("backbones", "temporal", "layouts", "flow")


@cache
def _declared(group: str) -> dict[str, EntryPoint]:
    return {
        point.name: point for point in sorted(entry_points(group=f"kinema.{group}"), key=lambda p: p.name)
    }


def plugin_names(group: str) -> list[str]:
    """The names that other packages declare in one of `GROUPS`, sorted; nothing of theirs is imported."""
    return list(_declared(group))


def plugin_version(group: str, name: str) -> str:
    """NAME VERSION of the package that declares a plugin, for fingerprints."""
    package = _declared(group)[name].dist
    return f"{package.name} {package.version}" if package else "unknown"


def load_plugin(group: str, name: str) -> Any:
    """What a plugin's entry point names. Raises `UsageError` where it cannot be imported."""
    point = _declared(group)[name]
    try:
        return point.load()
    except Exception as error:
        raise UsageError(
            f"the plugin '{name}' of package {plugin_version(group, name)} cannot be loaded "
            f"({type(error).__name__}: {error}); update or uninstall that package"
        ) from error


def load_plugins(group: str) -> dict[str, Any]:
    """All plugins of a group that can be loaded, by name; for each other one a warning.

    For tables that are needed whole: one broken package must not keep the others from work.
    """
    found = {}
    for name in plugin_names(group):
        try:
            found[name] = load_plugin(group, name)
        except UsageError as error:
            warnings.warn(str(error), stacklevel=2)
    return found
