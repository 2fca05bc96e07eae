"""A recogniser whose streams are trained each by itself, and joined by a linear SVM (three-stream paper)."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ..errors import WorkError
from ..recipe import Recipe
from ..temporal.model import TemporalModel
from .batch import SequenceBatch
from .head import Head, Output
from .recognizer import Recognizer, lengths_of, present_streams
from .svm import LinearSVM

SVM = "svm."


class SeparateRecognizer(Recognizer):
    """A head per stream, for its training; `svm` is None until it is fitted on the trained embeddings.

    A single stream works too: the SVM then takes the place of its softmax.
    """

    def __init__(self, recipe: Recipe, dims: Mapping[str, int], classes: int):
        super().__init__(recipe, dims, classes)
        if recipe.fusion is None:
            raise ValueError("separate streams need a fusion")
        self.fusion = recipe.fusion.build(self._sizes())
        self.heads = nn.ModuleDict({name: self._head(name) for name in dims})
        self.embedding_size = sum(self._sizes())
        self.svm: LinearSVM | None = None

    def start_afresh(self, stream: str) -> None:
        """New temporal model and head of one stream, from torch's random state as it is."""
        self.streams[stream] = self.temporal_model(stream)
        self.heads[stream] = self._head(stream)

    def stream_output(self, stream: str, batch: SequenceBatch) -> Output:
        """Logits of one stream by its own head."""
        return Output(self.heads[stream](self.streams[stream](batch.data, batch.lengths)))

    def svm_input(self, batch: Mapping[str, SequenceBatch]) -> Tensor:
        """What the SVM sees: the embeddings side by side, and a presence flag a stream."""
        return self._joined(self.embeddings(batch), lengths_of(batch))

    def scores_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """The SVM's probabilities, or its margins until held-out videos have calibrated it; on its device."""
        if self.svm is None:
            raise WorkError("the SVM that joins the streams is not fitted; train the run again")
        joined = self._joined(parts, lengths)
        return self.svm.decision(joined) if self.svm.scale is None else self.svm.probabilities(joined)

    def embedding_of(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        """The streams' embeddings side by side."""
        return torch.cat(list(parts.values()), dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """The whole trained state, the SVM's under `svm.`."""
        svm = self.svm.to_tensors() if self.svm else {}
        return super().tensors() | {SVM + name: value for name, value in svm.items()}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        svm = {name.removeprefix(SVM): value for name, value in tensors.items() if name.startswith(SVM)}
        super().load_tensors({name: value for name, value in tensors.items() if not name.startswith(SVM)})
        if svm:
            self.svm = LinearSVM.from_tensors(svm, self.classes, self.fusion.output_size)

    def _head(self, stream: str) -> Head:
        model = cast(TemporalModel, self.streams[stream])
        return Head(self.recipe.classifier, model.embedding_size, self.classes)

    def _joined(self, parts: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> Tensor:
        return self.fusion(list(parts.values()), present_streams(parts, lengths))
