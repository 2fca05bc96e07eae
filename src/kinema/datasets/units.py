"""The units that a split must not cut: groups, or files, each with every copy of its content."""

from collections.abc import Iterable, Sequence

from ..types import VideoRecord


def group_units(records: Sequence[VideoRecord]) -> list[str]:
    """The unit of each record: its group or, without one, its file.

    Units with copies of one file are one unit, named after all of them: `a + b`.
    """
    return _joined([_group(r) for r in records], records)


def file_units(records: Sequence[VideoRecord]) -> list[str]:
    """The unit of each record where groups do not count: its file, with the copies of it."""
    return _joined([str(r.path) for r in records], records)


def any_copies(records: Iterable[VideoRecord]) -> bool:
    """Whether two records carry the same content."""
    contents = [r.content for r in records if r.content is not None]
    return len(set(contents)) < len(contents)


def _group(record: VideoRecord) -> str:
    return record.group if record.group is not None else f"file {record.path}"


def _joined(units: Sequence[str], records: Sequence[VideoRecord]) -> list[str]:
    """Units that share a content made one (union-find)."""
    if not any_copies(records):
        return list(units)
    parent = {unit: unit for unit in units}

    def root(unit: str) -> str:
        while parent[unit] != unit:
            parent[unit] = unit = parent[parent[unit]]
        return unit

    first: dict[str, str] = {}
    for unit, record in zip(units, records, strict=True):
        if record.content is not None:
            parent[root(unit)] = root(first.setdefault(record.content, unit))
    members: dict[str, list[str]] = {}
    for unit in sorted(parent):
        members.setdefault(root(unit), []).append(unit)
    return [" + ".join(members[root(unit)]) for unit in units]
