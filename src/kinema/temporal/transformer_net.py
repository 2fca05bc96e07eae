"""A transformer encoder over padded batches; see `kinema.temporal.transformer`."""

from torch import Tensor, nn

from .attention_net import AttentionModel
from .pooling import mean_steps
from .transformer import Transformer


class TransformerModel(AttentionModel):
    """Encoder layers that normalise first, a last norm, and the mean over the valid steps, or all of them."""

    def __init__(self, spec: Transformer, input_size: int):
        super().__init__(spec, input_size)
        self.per_step = spec.per_step
        layer = nn.TransformerEncoderLayer(
            spec.units,
            spec.heads,
            4 * spec.units,
            spec.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, spec.layers, nn.LayerNorm(spec.units), enable_nested_tensor=False
        )

    def attend(self, x: Tensor, absent: Tensor) -> Tensor:
        outputs = self.encoder(x, src_key_padding_mask=absent)
        return outputs if self.per_step else mean_steps(outputs, (~absent).sum(1))
