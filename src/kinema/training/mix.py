"""Mixup and CutMix of single clips, by torchvision's transforms."""

from dataclasses import replace

from torch import Tensor, nn

from ..model.head import ClassObjective, Scored
from ..recipe import Classifier, Mix
from .clips import ClipBatch


class MixedObjective(ClassObjective):
    """`ClassObjective` on mixed clips while the module trains, and on the clips as they are otherwise.

    The share of a pair is drawn from torch's generator, which a stage seeds anew in every epoch.
    """

    def __init__(self, classifier: Classifier, weights: Tensor | None, mix: Mix, classes: int):
        from torchvision.transforms.v2 import CutMix, MixUp  # seconds

        super().__init__(classifier, weights)
        kind = MixUp if mix.kind == "mixup" else CutMix
        self.mix = kind(alpha=mix.alpha, num_classes=classes)

    def __call__(self, module: nn.Module, batch: ClipBatch) -> Scored:
        return super().__call__(module, self.mixed(batch) if module.training else batch)

    def mixed(self, batch: ClipBatch) -> ClipBatch:
        """A batch of single clips, each mixed with the one before it; its labels become shares [N, C]."""
        ((stream, [clips]),) = batch.inputs.items()
        # One clip is channels last, and its frames are more channels; sound [N, 96, 64] has neither.
        pictures = clips.unsqueeze(-1) if clips.ndim == 3 else clips
        pictures = pictures.float().movedim(-1, 1)
        inputs, labels = self.mix(pictures.flatten(1, -3), batch.labels)
        mixed = inputs.reshape(pictures.shape).movedim(1, -1).reshape(clips.shape)
        return replace(batch, inputs={stream: [mixed]}, labels=labels)
