"""A recogniser with a score per step and class: of whole sequences, chunks, or steps as they come."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..recipe import Recipe
from ..temporal.attention import Attention
from ..temporal.model import TemporalModel
from ..temporal.stack import State
from ..types import FeatureSequence
from .recognizer import JointRecognizer
from .smoothing import Found, Smoothing, find_segments

SMOOTHING = "smoothing."
PIECE = 4096  # steps that are computed at once
MARGIN = 512  # steps on either side of a piece that a model of both directions sees beside it


class TimelineRecognizer(JointRecognizer):
    """Sigmoid scores of steps; `smoothing` makes segments of them. `both` says that it needs what comes.

    A one-way model goes along with a camera: `initial_state`, then `step` or `advance` for what has come.
    """

    def __init__(self, recipe: Recipe, dims: Mapping[str, int], classes: int):
        super().__init__(recipe, dims, classes)
        self.smoothing = Smoothing.plain(classes)
        self.both = self._needs_all()

    def temporal_model(self, stream: str) -> TemporalModel:
        """The temporal model of the stream, over steps without their background where the recipe says so."""
        recipe = self.recipe
        return TemporalModel(
            recipe.temporal,
            self.dims[stream],
            recipe.encoder,
            standardize=bool(recipe.streams[stream].standardize),
            background=recipe.timeline.background if recipe.timeline else None,
        )

    @property
    def stream(self) -> str:
        """The name of the one stream."""
        return next(iter(self.streams))

    @property
    def model(self) -> TemporalModel:
        """The temporal model of the one stream."""
        return self.streams[self.stream]  # type: ignore[return-value]

    def initial_state(self, batch: int) -> State:
        """The state before the first step. Raises ValueError for a model of both directions."""
        return self.model.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step x [B, D]: (scores [B, C], next state)."""
        out, state = self.model.step(x, state)
        return self.head(out).sigmoid(), state

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Many steps x [B, T, D]: (logits [B, T, C], next state, which carries no gradient)."""
        out, state = self.model.advance(x, state)
        return self.head(out), state

    def whole(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits [B, T, C] of sequences [B, T, D] by themselves."""
        return self.head(self.model(x, lengths))

    @torch.inference_mode()
    def step_scores(self, sequence: FeatureSequence) -> np.ndarray:
        """Scores float32 [T, C] of all steps; memory beside the sequence does not grow with it."""
        data = torch.from_numpy(sequence.data)
        device = next(self.parameters()).device
        state = None if self.both else self.initial_state(1)
        found = [np.zeros((0, self.classes), np.float32)]
        piece, margin = self._piece()
        for start in range(0, len(data), piece):
            stop = min(start + piece, len(data))
            if state is None:
                first = max(start - margin, 0)
                logits = self.whole(data[None, first : stop + margin].to(device))[:, start - first :]
                logits = logits[:, : stop - start]
            else:
                logits, state = self.advance(data[None, start:stop].to(device), state)
            found.append(logits[0].float().sigmoid().cpu().numpy())
        return np.concatenate(found)

    def segments(self, scores: np.ndarray, times: np.ndarray, labels: tuple[str, ...]) -> list[Found]:
        """The segments in the scores [T, C] of steps at `times` float64 [T]."""
        return find_segments(scores, times, self.smoothing, labels, both=self.both)

    def tensors(self) -> dict[str, Tensor]:
        """The whole trained state, the smoothing's under `smoothing.`."""
        held = self.smoothing.to_tensors()
        return super().tensors() | {SMOOTHING + name: value for name, value in held.items()}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        held = {k.removeprefix(SMOOTHING): v for k, v in tensors.items() if k.startswith(SMOOTHING)}
        super().load_tensors({k: v for k, v in tensors.items() if not k.startswith(SMOOTHING)})
        self.smoothing = Smoothing.from_tensors(held, self.classes)

    def _piece(self) -> tuple[int, int]:
        """How many steps are computed at once, and how many are seen beside them.

        Attention knows the times of a chunk of training alone, so it never sees more than that.
        """
        timeline = self.recipe.timeline
        if not isinstance(self.recipe.temporal, Attention) or timeline is None:
            return PIECE, MARGIN
        margin = timeline.chunk // 4
        return timeline.chunk - 2 * margin, margin

    def _needs_all(self) -> bool:
        try:
            self.model.initial_state(1)
        except ValueError:
            return True
        return False
