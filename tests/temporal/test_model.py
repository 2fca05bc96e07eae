"""The temporal model of a recipe: pooling, dropout, attention, encoder, steps, parameter counts."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from kinema.fusion.average_net import WeightedAverageNet
from kinema.temporal import Attentive, Encoder, Gru, Lstm, Mean, Moments, Tcn, Temporal, Transformer
from kinema.temporal.model import TemporalModel
from kinema.temporal.pooled_net import TemporalAttention
from kinema.temporal.settings import TemporalSettings


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # 2 streams x 2 GRU layers, one dense layer on the 256-d average, alpha
        (
            Gru(reset="before", layers=2, units=256),
            2 * (3 * (1024 * 256 + 256**2 + 256) + 3 * (256 * 256 + 256**2 + 256)) + (256 * 51 + 51) + 1,
        ),
        (
            Lstm(layers=2, units=256),
            2 * (4 * (1024 * 256 + 256**2 + 256) + 4 * (256 * 256 + 256**2 + 256)) + (256 * 51 + 51) + 1,
        ),
        (
            Lstm(layers=1, units=512),
            2 * (4 * (1024 * 512 + 512**2 + 512)) + (512 * 51 + 51) + 1,
        ),
    ],
    ids=["2 GRU 256", "2 LSTM 256", "1 LSTM 512"],
)
def test_i3d_gru_table_4(spec: Gru | Lstm, expected: int) -> None:
    paper = {("gru", 2): 2_768_692, ("lstm", 2): 3_687_220, ("lstm", 1): 6_321_716}
    streams = [TemporalModel(spec, 1024) for _ in range(2)]
    size = streams[0].embedding_size
    assert count(*streams, nn.Linear(size, 51), WeightedAverageNet(size)) == expected
    assert expected == paper[spec.kind, spec.layers]


@pytest.mark.parametrize(
    ("units", "classes", "paper"), [(360, 6, 36_648_726), (320, 11, 32_527_051), (400, 51, 40_802_851)]
)
def test_vgg16_lstm_counts(units: int, classes: int, paper: int) -> None:
    model = TemporalModel(Lstm(units=units), 25088)
    expected = 4 * (25088 * units + units**2 + units) + (units * classes + classes)
    assert count(model, nn.Linear(units, classes)) == expected == paper


def test_dual_cnn_gru_and_corehar_counts() -> None:
    dual = TemporalModel(Gru(reset="before", layers=2, units=1000), 2560)
    assert count(dual) == 3 * (2560 * 1000 + 1000**2 + 1000) + 3 * (1000 * 1000 + 1000**2 + 1000)
    spec = Lstm(layers=3, units=512, bidirectional=True, pool="none")
    corehar = TemporalModel(spec, 2048, Encoder(layers=(1024, 768, 512)))
    encoder = (2048 * 1024 + 1024) + (1024 * 768 + 768) + (768 * 512 + 512)
    first, later = 2 * 4 * (512 * 512 + 512**2 + 512), 2 * 4 * (1024 * 512 + 512**2 + 512)
    assert count(corehar) == encoder + first + 2 * later
    assert corehar.embedding_size == 1024


def test_three_stream_embedding_is_1024() -> None:
    spec = Gru(layers=2, units=512, bidirectional=True)
    assert TemporalModel(spec, 128).embedding_size == 1024


POOLS = ["last", "mean", "none"]
# Every kind of the union, small; what a new kind must keep is tested here.
KINDS: list[TemporalSettings] = [
    *(
        recurrent.model_copy(update={"pool": pool, "attention": attention, "dropout": 0.5})
        for recurrent in (
            Gru(units=4, layers=2),
            Gru(units=4, reset="before", bidirectional=True),
            Lstm(units=4, layers=2),
            Lstm(units=4, bidirectional=True, activation="relu"),
            Mean(),
        )
        for pool in POOLS
        for attention in (False, True)
    ),
    Attentive(units=4, heads=2, queries=3, dropout=0.5),
    Attentive(units=4, heads=1, queries=1, mlp=False),
    Transformer(units=4, heads=2, dropout=0.5),
    Transformer(units=4, heads=2, pool="none"),
    Tcn(units=32, layers=2, pool="none", dropout=0.5),
    Tcn(units=32, layers=2, kernel=4, pool="mean", bidirectional=True),
    Moments(),
    Moments(statistics=("mean", "cosine", "scenes"), lags=(1, 3)),
]


def test_the_contract_covers_every_kind() -> None:
    assert {type(spec) for spec in KINDS} == set(get_args(get_args(Temporal)[0]))


@pytest.mark.parametrize("spec", KINDS, ids=str)
def test_settings_read_back(spec: TemporalSettings) -> None:
    assert TypeAdapter(Temporal).validate_python(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("spec", KINDS, ids=str)
@pytest.mark.parametrize("encoder", [None, Encoder(layers=(7, 4), dropout=0.2)])
def test_padding_and_absence(spec: TemporalSettings, encoder: Encoder | None) -> None:
    torch.manual_seed(0)
    model = TemporalModel(spec, 6, encoder).eval()
    x, lengths = torch.randn(3, 5, 6), torch.tensor([5, 2, 0])
    out = model(x, lengths)
    padded = model(torch.cat([x, torch.full((3, 4, 6), 9.0)], dim=1), lengths)
    torch.testing.assert_close(padded[:, :5] if spec.per_step else padded, out, atol=1e-6, rtol=0)
    assert out.shape == ((3, 5) if spec.per_step else (3,)) + (model.embedding_size,)
    assert not out[2].any()
    alone = model(x[1:2, :2])
    torch.testing.assert_close(out[1:2, :2] if spec.per_step else out[1:2], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("spec", KINDS, ids=str)
def test_gradient_reaches_every_valid_step_and_every_parameter(spec: TemporalSettings) -> None:
    torch.manual_seed(1)  # no step at which all units of the encoder are off
    model = TemporalModel(spec, 6, Encoder(layers=(5,))).eval()
    x, lengths = torch.randn(3, 4, 6, requires_grad=True), torch.tensor([4, 2, 0])
    model(x, lengths).square().sum().backward()
    assert x.grad is not None
    moved = x.grad.abs().sum(2) > 0
    assert moved.tolist() == [[True] * 4, [True, True, False, False], [False] * 4]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.any(), name


@pytest.mark.parametrize(
    "spec", [Gru(units=4, layers=2), Lstm(units=4, layers=2), Mean()], ids=lambda s: s.kind
)
@pytest.mark.parametrize("pool", POOLS)
def test_steps_give_the_embedding_of_what_was_seen(spec: TemporalSettings, pool: str) -> None:
    torch.manual_seed(0)
    spec = spec.model_copy(update={"pool": pool})
    model = TemporalModel(spec, 6, Encoder(layers=(4,))).eval()
    x, state = torch.randn(2, 7, 6), model.initial_state(2)
    with torch.no_grad():
        for t in range(7):
            out, state = model.step(x[:, t], state)
            seen = model(x[:, : t + 1])
            torch.testing.assert_close(out, seen[:, -1] if spec.per_step else seen, atol=1e-6, rtol=0)


@pytest.mark.parametrize("change", [{"attention": True}, {"bidirectional": True}])
def test_models_that_need_whole_sequences_refuse_steps(change: dict[str, bool]) -> None:
    model = TemporalModel(Gru(**change), 3)
    with pytest.raises(ValueError, match="whole sequences"):
        model.initial_state(1)


def test_dropout_at_input_between_layers_and_before_the_dense_layer() -> None:
    """By its zeros: half of the embedding's values are dropped; by spread: the input's are too."""
    torch.manual_seed(0)
    model = TemporalModel(Gru(units=200, dropout=0.5), 4).train()
    out = model(torch.ones(50, 1, 4))
    assert 0.4 < (out == 0).float().mean() < 0.6
    kept = [column[column != 0] for column in out[:, :20].t()]
    assert all(len(values.unique()) > 3 for values in kept)  # 16 patterns of the dropped input
    plain = TemporalModel(Gru(units=200), 4).train()
    assert torch.equal(plain(torch.ones(1, 1, 4)), plain(torch.ones(1, 1, 4)))


def test_even_attention_is_the_identity() -> None:
    attention = TemporalAttention(3)
    nn.init.zeros_(attention.score.weight)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(attention(x), x)
    lengths = torch.tensor([5, 2])
    torch.testing.assert_close(attention(x, lengths)[1, :2], x[1, :2])


def test_attention_weights_sum_to_one_and_prefer_the_scored_step() -> None:
    attention = TemporalAttention(2)
    with torch.no_grad():
        attention.score.weight.copy_(torch.tensor([[50.0, 0.0]]))
        attention.score.bias.zero_()
    x = torch.zeros(1, 4, 2)
    x[0, 2, 0] = 1.0
    weights = attention.weights(x, torch.tensor([3]))
    e = torch.e  # tanh(50) = 1 at step 2, tanh(0) = 0 at steps 0 and 1, nothing past the length
    expected = torch.tensor([[1 / (2 + e), 1 / (2 + e), e / (2 + e), 0.0]])
    torch.testing.assert_close(weights, expected)


def test_encoder_is_linear_relu_per_step() -> None:
    torch.manual_seed(0)
    encoder = Encoder(layers=(4, 3)).build(5)
    x = torch.randn(2, 6, 5)
    first, second = (layer for layer in encoder if isinstance(layer, nn.Linear))
    expected = (x[1, 3] @ first.weight.t() + first.bias).clamp(min=0) @ second.weight.t() + second.bias
    torch.testing.assert_close(encoder(x)[1, 3], expected.clamp(min=0))


def test_a_small_model_learns_order() -> None:
    """Rising against falling sequences of the same values: only a recurrent model can tell them apart."""

    def accuracy(spec: TemporalSettings) -> float:
        torch.manual_seed(0)
        model = TemporalModel(spec, 1)
        head = nn.Linear(model.embedding_size, 2)
        optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=0.02)
        for step in range(81):
            rising = torch.rand(32, 6, 1).sort(dim=1).values
            x = torch.cat([rising, rising.flip(1)])
            y = torch.arange(2).repeat_interleave(32)
            scores = head(model(x))
            if step < 80:
                optimizer.zero_grad()
                nn.functional.cross_entropy(scores, y).backward()
                optimizer.step()
        return (scores.argmax(1) == y).float().mean().item()

    assert accuracy(Gru(units=8)) > 0.95
    # Each sequence and its reverse have one mean, hence one answer: half are right, but for one pair that
    # rounding may part.
    assert accuracy(Mean()) == pytest.approx(0.5, abs=1 / 64)


@pytest.mark.parametrize(
    "spec",
    [
        Gru(units=4, layers=2, pool="none"),
        Gru(units=4, reset="before", pool="none"),
        Lstm(units=4, layers=2, pool="none"),
        Tcn(units=4, layers=3, pool="none"),
    ],
    ids=["gru", "reset before", "lstm", "tcn"],
)
@pytest.mark.parametrize("chunk", [1, 3, 20])
def test_chunks_with_carried_state_equal_the_whole_sequence_and_its_steps(
    spec: TemporalSettings, chunk: int
) -> None:
    torch.manual_seed(0)
    model = TemporalModel(spec, 6, Encoder(layers=(5,))).eval()
    x = torch.randn(2, 20, 6)
    state, parts = model.initial_state(2), []
    for start in range(0, 20, chunk):
        out, state = model.advance(x[:, start : start + chunk], state)
        parts.append(out)
    torch.testing.assert_close(torch.cat(parts, dim=1), model(x), atol=1e-6, rtol=0)
    state, steps = model.initial_state(2), []
    for t in range(20):
        out, state = model.step(x[:, t], state)
        steps.append(out)
    torch.testing.assert_close(torch.stack(steps, dim=1), model(x), atol=1e-6, rtol=0)


def test_a_tcn_sees_as_far_as_it_says_and_one_way_nothing_to_come() -> None:
    torch.manual_seed(0)
    for both, seen in ((False, range(6, 21)), (True, range(13, 28))):
        model = TemporalModel(Tcn(units=32, layers=3, pool="none", bidirectional=both), 6).eval()
        x = torch.randn(1, 40, 6, requires_grad=True)
        model(x)[0, 20].sum().backward()
        assert x.grad is not None
        assert x.grad[0].abs().sum(1).nonzero().flatten().tolist() == list(seen)


@pytest.mark.parametrize(
    "spec",
    [Gru(units=4, pool="last"), Gru(units=4, pool="none", bidirectional=True), Transformer(units=4, heads=2)],
    ids=["pooled", "both directions", "transformer"],
)
def test_what_needs_whole_sequences_says_so(spec: TemporalSettings) -> None:
    model = TemporalModel(spec, 6)
    with pytest.raises(ValueError, match=r"temporal\.pool: none|whole sequences"):
        model.advance(torch.zeros(1, 3, 6), model.initial_state(1))
