"""Studies by name or from a YAML file."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import UsageError
from ..recipe import did_you_mean, explain
from ..yaml_file import read_yaml
from .schema import Study


def study_names() -> list[str]:
    """Names of the studies that ship with Kinema, sorted."""
    return sorted(
        f.name.removesuffix(".yaml") for f in files(__package__).iterdir() if f.name[-5:] == ".yaml"
    )


def load_study(study: str | Path | dict[str, Any] | Study) -> Study:
    """A study by name, from a YAML file or from plain data. Raises `UsageError` with the key and the cure."""
    if isinstance(study, Study):
        return study
    raw = study if isinstance(study, dict) else _read(str(study))
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"study {raw.get('name', 'of plain data')}: {explain(error, Study)}") from None


def _read(name: str) -> dict[str, Any]:
    if name in study_names():
        with as_file(files(__package__) / f"{name}.yaml") as path:
            return _mapping(path, name)
    if Path(name).suffix not in {".yaml", ".yml"}:
        near = did_you_mean(name, study_names())
        raise UsageError(f"unknown study '{name}'{near}; see `kinema study --list`, or give a .yaml file")
    return _mapping(Path(name), name)


def _mapping(path: Path, name: str) -> dict[str, Any]:
    try:
        raw = read_yaml(path)
    except OSError as error:
        raise UsageError(f"cannot read study file {name}: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise UsageError(f"study file {name} is not UTF-8 text; save it as UTF-8") from None
    except ValueError as error:
        raise UsageError(f"study file {name} cannot be read: {error}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"study file {name} must be a mapping with `rows` or `grid`; see docs/studies.md")
    return raw
