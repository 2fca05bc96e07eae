"""The trained half of a recipe as one module: feature sequences of all streams -> class scores."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ..recipe import Recipe
from ..temporal.model import TemporalModel
from ..temporal.pooling import mean_steps
from .batch import SequenceBatch
from .calibration import Calibration
from .head import Head, Output, scores

CALIBRATION = "calibration."


class Recognizer(nn.Module):
    """One temporal model per stream, in `streams`; what joins them is `JointRecognizer`'s (streams trained
    together) or `SeparateRecognizer`'s. `build_recognizer` makes the one that a recipe asks for.

    `dims` gives the feature dimension of each stream, in recipe order; `embedding_size` is the E of `embed`.
    `calibration` is None unless held-out videos have told how sure the scores may be.
    """

    embedding_size: int

    def __init__(self, recipe: Recipe, dims: Mapping[str, int], classes: int):
        super().__init__()
        self.recipe, self.classes, self.dims = recipe, classes, dict(dims)
        self.calibration: Calibration | None = None
        self.streams = nn.ModuleDict({name: self.temporal_model(name) for name in dims})

    def temporal_model(self, stream: str) -> TemporalModel:
        """A new temporal model for one stream."""
        standardize = bool(self.recipe.streams[stream].standardize)
        spec, encoder = self.recipe.temporal.of(stream), self.recipe.encoder
        return TemporalModel(spec, self.dims[stream], encoder, standardize=standardize)

    def embeddings(self, batch: Mapping[str, SequenceBatch]) -> dict[str, Tensor]:
        """Embedding [B, E] of each stream ([B, T, E] where every step is kept)."""
        return {name: model(batch[name].data, batch[name].lengths) for name, model in self.streams.items()}

    def embed(self, batch: Mapping[str, SequenceBatch]) -> Tensor:
        """The video embedding, float32 [B, E]."""
        return self.embedding_of(self.embeddings(batch), lengths_of(batch))

    def class_scores(self, batch: Mapping[str, SequenceBatch]) -> Tensor:
        """Class scores of the videos, float32 [B, C]; the largest is the class."""
        return self.scores_of(self.embeddings(batch), lengths_of(batch))

    def embedding_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """What `embed` makes of the streams' embeddings and their lengths, int64 [B] each (0: absent)."""
        raise NotImplementedError

    def scores_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """What `class_scores` makes of the streams' embeddings, as `embedding_of` takes them."""
        raise NotImplementedError

    def tensors(self) -> dict[str, Tensor]:
        """The whole trained state, ready for safetensors."""
        return dict(self.state_dict())

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`. Raises ValueError where names or shapes are not this model's."""
        try:
            self.load_state_dict(dict(tensors))
        except RuntimeError as error:
            raise ValueError(str(error)) from None

    def _sizes(self) -> list[int]:
        return [model.embedding_size for model in self.streams.values()]  # type: ignore[misc]


class JointRecognizer(Recognizer):
    """Streams trained together: fusion, where there are several, and one head."""

    def __init__(self, recipe: Recipe, dims: Mapping[str, int], classes: int):
        super().__init__(recipe, dims, classes)
        sizes = self._sizes()
        self.fusion = recipe.fusion.build(sizes) if recipe.fusion and len(sizes) > 1 else None
        self.embedding_size = self.fusion.output_size if self.fusion else sizes[0]
        self.head = Head(recipe.classifier, self.embedding_size, classes)

    def forward(self, batch: Mapping[str, SequenceBatch]) -> Output:
        """Logits of a batch."""
        return self._output(self.embeddings(batch), lengths_of(batch))

    def scores_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """Softmax or sigmoid of the logits, and the vote over steps where steps are scored."""
        output = self._output(parts, lengths)
        return scores(Output(self.calibrated(output.logits), output.lengths), self.recipe.classifier).float()

    def calibrated(self, logits: Tensor) -> Tensor:
        """The logits [..., C] divided by the temperature, where the recogniser is calibrated."""
        return logits if self.calibration is None else logits / self.calibration.temperature

    def embedding_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """The fused embedding; the mean over the steps where every step is kept."""
        joined = self._joined(parts, lengths)
        return mean_steps(joined, self._first(lengths)) if self.recipe.classifier.per_step else joined

    def tensors(self) -> dict[str, Tensor]:
        """The whole trained state, the calibration's under `calibration.`."""
        held = self.calibration.to_tensors() if self.calibration else {}
        return super().tensors() | {CALIBRATION + name: value for name, value in held.items()}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        held = {k.removeprefix(CALIBRATION): v for k, v in tensors.items() if k.startswith(CALIBRATION)}
        super().load_tensors({k: v for k, v in tensors.items() if not k.startswith(CALIBRATION)})
        self.calibration = Calibration.from_tensors(held) if held else None

    def _output(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Output:
        per_step = self.recipe.classifier.per_step
        return Output(self.head(self._joined(parts, lengths)), self._first(lengths) if per_step else None)

    def _joined(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        if self.fusion is None:
            return next(iter(parts.values()))
        return self.fusion(list(parts.values()), present_streams(parts, lengths))

    def _first(self, lengths: Mapping[str, Tensor]) -> Tensor:
        return lengths[next(iter(self.streams))]


def lengths_of(batch: Mapping[str, SequenceBatch]) -> dict[str, Tensor]:
    """The number of steps of each stream, int64 [B]."""
    return {name: one.lengths for name, one in batch.items()}


def present_streams(names: Iterable[str], lengths: Mapping[str, Tensor]) -> Tensor:
    """Which streams each video has at all, bool [B, S]."""
    return torch.stack([lengths[name] > 0 for name in names], dim=1)
