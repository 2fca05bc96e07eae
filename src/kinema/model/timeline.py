"""A recogniser with a score per step and class: of whole sequences, chunks, or steps as they come."""

from collections.abc import Iterator, Mapping

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

    def whole(
        self, x: Tensor, lengths: Tensor | None = None, before: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """Logits [B, T, C] of sequences [B, T, D]; `before` is what the background was until then."""
        return self.head(self.model(x, lengths, before))

    @torch.inference_mode()
    def step_scores(self, sequence: FeatureSequence) -> np.ndarray:
        """Scores float32 [T, C] of all steps; memory beside the sequence does not grow with it."""
        data = torch.from_numpy(sequence.data)
        pieces = self._around(data) if self.both else self._along(data)
        scores = [logits.float().sigmoid().cpu().numpy() for logits in pieces]
        return np.concatenate([np.zeros((0, self.classes), np.float32), *scores])

    def _along(self, data: Tensor) -> Iterator[Tensor]:
        """Logits [T', C] of the steps [T, D] of a one-way model, piece by piece."""
        state, device = self.initial_state(1), next(self.parameters()).device
        for piece in data.split(PIECE):
            logits, state = self.advance(piece[None].to(device), state)
            yield logits[0]

    def _around(self, data: Tensor) -> Iterator[Tensor]:
        """The same of a model that sees a margin on either side of a piece."""
        piece, margin = self._piece()
        background, device = self.model.background, next(self.parameters()).device
        before = background.initial_state(1, data.shape[1]) if background is not None else None
        known = 0  # steps that `before` has seen
        for start in range(0, len(data), piece):
            stop, first = min(start + piece, len(data)), max(start - margin, 0)
            if background is not None and before is not None:
                before, known = background.advance(data[None, known:first], before)[1], first
            logits = self.whole(data[None, first : stop + margin].to(device), None, before)
            yield logits[0, start - first : stop - first]

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
