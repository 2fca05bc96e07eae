"""Calibration: the promise of the bound, by simulation; state."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from kinema.errors import UsageError
from kinema.model.calibration import KEPT, Calibration


def sample(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    logits = 2 * torch.randn(n, 4, generator=generator)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("risk", [0.05, 0.2])
def test_the_true_class_is_left_out_as_rarely_as_promised(risk: float) -> None:
    generator, missed, count = torch.Generator().manual_seed(0), 0, 0
    for _ in range(300):
        held = Calibration.of(*sample(60, generator), temperature=1.7)
        logits, labels = sample(100, generator)
        scores = (logits / 1.7).softmax(1)[torch.arange(100), labels]
        missed, count = missed + int((scores < held.bound(risk)).sum()), count + 100
    # the mean over calibrations is floor(risk * 61) / 61
    expected = int(risk * 61) / 61
    assert missed / count == pytest.approx(expected, abs=0.01)
    assert missed / count <= risk + 0.005


@pytest.mark.parametrize("risk", [0.0, 1.0, 0.01, -1, float("nan")])
def test_what_cannot_be_promised_is_refused(risk: float) -> None:
    held = Calibration.of(*sample(60, torch.Generator().manual_seed(1)), temperature=1.0)
    with pytest.raises(UsageError, match=r"cannot be held with 60 held-out videos; give one from 0\.0164"):
        held.bound(risk)


def test_state_goes_there_and_back_and_is_bounded() -> None:
    held = Calibration.of(*sample(3 * KEPT, torch.Generator().manual_seed(2)), temperature=0.5)
    assert len(held.true_scores) == KEPT
    assert held.true_scores.equal(held.true_scores.sort().values)
    again = Calibration.from_tensors(load(save(held.to_tensors())))
    assert again.temperature == held.temperature
    assert again.true_scores.equal(held.true_scores)
    for wrong in ({"temperature": torch.tensor(1.0)}, held.to_tensors() | {"temperature": torch.tensor(0.0)}):
        with pytest.raises(ValueError, match=r"calibration|temperature"):
            Calibration.from_tensors(wrong)
