"""YAML from a folder that anybody may have written: plain data of a bounded size, or one line."""

from pathlib import Path
from typing import Any

import yaml

# Far more than any recipe or run holds. An alias counts as often as it is used, one in itself without end.
MOST_BYTES, MOST_VALUES, DEEPEST = 16 << 20, 200_000, 50


def read_yaml(path: Path) -> Any:
    """The plain data in a YAML file. Raises `ValueError` in one line for what is not that, `OSError`."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    waiting, count = [(value, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if depth > DEEPEST or count > MOST_VALUES:
            raise ValueError("it is nested too deeply" if depth > DEEPEST else "it holds too many values")
        if isinstance(part, int) and abs(part) >= 1 << 63:  # one of many digits cannot even be printed
            raise ValueError("it holds a number that is too large")
        if isinstance(part, dict):
            waiting += [(one, depth + 1) for one in part.values()]
        elif isinstance(part, list):
            waiting += [(one, depth + 1) for one in part]
    return value


def needs(value: Any, kind: type, what: str) -> Any:
    """`value`, which must be of this type. Raises `ValueError` naming `what`."""
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{what} must be {kind.__name__}, got {type(value).__name__}")
    return value
