"""What an earlier training in the same run folder left that need not be trained again.

The run's config.yaml names each stage that trains one stream by itself, with a fingerprint of all that
decides its values. So adding or replacing one stream trains that stream and the fusion only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import UsageError
from ..run import load_run

STAGES = "stages"


@dataclass(slots=True)
class Kept:
    """Stages of the run as it was (`stages`, with their values and history), and those of this training.

    `made` collects the fingerprint of every stage that is now trained, for the new config.yaml.
    """

    stages: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)

    def reuse(self, stage: str, digest: str, modules: Mapping[str, nn.Module]) -> list[dict[str, Any]] | None:
        """Fill `modules` (prefix in the run's tensors -> module) and return the stage's history.

        None where the stage is not kept and must be trained. Either way it counts as made.
        """
        self.made[stage] = digest
        if self.stages.get(stage) != digest:
            return None
        for prefix, module in modules.items():
            values = {k.removeprefix(prefix): v for k, v in self.state.items() if k.startswith(prefix)}
            module.load_state_dict(values)
        return [row for row in self.history if row.get("stage") == stage]


def kept_in(folder: Path) -> Kept:
    """What the run in `folder` holds; nothing where there is no run that this version can read."""
    try:
        config, state = load_run(folder)
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    except (UsageError, OSError):
        return Kept()
    return Kept(config.data.get(STAGES, {}), state, [json.loads(line) for line in lines])
