"""The linear SVM against closed forms and a slow solver; calibration, state."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from kinema.errors import UsageError, WorkError
from kinema.model.svm import LinearSVM, fit


def objective(w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor, l2: float) -> torch.Tensor:
    return (1 - y * (x @ w + b)).clamp(min=0).mean() + l2 * (w.square().sum() + b**2)


def blobs(n: int, classes: int, size: int, spread: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, size, generator=torch.Generator().manual_seed(99))
    labels = torch.randint(0, classes, (n,), generator=generator)
    return centres[labels] + spread * torch.randn(n, size, generator=generator), labels


@pytest.mark.parametrize(("a", "l2"), [(2.0, 1e-2), (0.5, 1e-2), (0.5, 0.5), (0.01, 1e-2)])
def test_two_points_have_the_closed_form(a: float, l2: float) -> None:
    """x = +-a: b = 0, and mean hinge 1 - w a against l2 w^2 gives w = min(1 / a, a / (2 l2))."""
    machine = fit(torch.tensor([[a], [-a]]), torch.tensor([1, 0]), l2=l2)
    expected = min(1 / a, a / (2 * l2))
    torch.testing.assert_close(machine.weights, torch.tensor([[-expected], [expected]]), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(machine.offsets, torch.zeros(2), rtol=0, atol=1e-3)


@pytest.mark.parametrize("l2", [1e-2, 1e-1])
def test_objective_is_the_least_that_a_slow_solver_finds(l2: float) -> None:
    x, labels = blobs(60, 3, 4, spread=0.8, seed=1)
    machine = fit(x, labels, l2=l2)
    x64 = x.double()
    for c in range(3):
        y = torch.where(labels == c, 1.0, -1.0).double()
        ours = objective(machine.weights[c].double(), machine.offsets[c].double(), x64, y, l2)
        w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        b = torch.zeros((), dtype=torch.float64, requires_grad=True)
        best = torch.inf
        for step in range(4000):  # subgradient descent, the step falling as 1 / t (strongly convex)
            value = objective(w, b, x64, y, l2)
            best = min(best, value.item())
            gw, gb = torch.autograd.grad(value, [w, b])
            with torch.no_grad():
                rate = 1 / (2 * l2 * (step + 50))
                w -= rate * gw
                b -= rate * gb
        assert ours.item() <= best + 1e-4
        assert ours.item() >= best - 0.02 * best


def test_separable_classes_are_separated() -> None:
    x, labels = blobs(200, 5, 16, spread=0.3, seed=0)
    test, expected = blobs(100, 5, 16, spread=0.3, seed=1)
    machine = fit(x, labels)
    assert (machine.decision(test).argmax(1) == expected).float().mean() > 0.98


def test_class_without_samples_is_never_chosen() -> None:
    x, labels = blobs(80, 3, 8, spread=0.2, seed=0)
    keep = labels != 1
    machine = fit(x[keep], labels[keep], classes=4)
    decisions = machine.decision(x[keep])
    assert decisions.shape[1] == 4
    assert set(decisions.argmax(1).tolist()) == {0, 2}
    assert torch.equal(decisions[:, 1], torch.full((int(keep.sum()),), -1.0))


def test_same_seed_same_machine() -> None:
    x, labels = blobs(50, 3, 6, spread=1.0, seed=2)
    assert torch.equal(fit(x, labels, seed=4).weights, fit(x, labels, seed=4).weights)


def test_no_probabilities_before_calibration() -> None:
    x, labels = blobs(50, 3, 6, spread=1.0, seed=2)
    with pytest.raises(UsageError, match="call calibrate"):
        fit(x, labels).probabilities(x)


@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_calibration_finds_the_scale_that_made_the_labels(scale: float) -> None:
    torch.manual_seed(0)
    machine = LinearSVM(torch.eye(4), torch.zeros(4))
    held_out = torch.randn(8000, 4)
    labels = (scale * held_out).softmax(1).multinomial(1).squeeze(1)
    calibrated = machine.calibrate(held_out, labels)
    assert calibrated.scale is not None
    assert calibrated.scale.item() == pytest.approx(scale, rel=0.08)
    assert machine.scale is None
    torch.testing.assert_close(calibrated.probabilities(held_out).sum(1), torch.ones(8000))


def test_held_out_calibration_is_less_sure_than_training_scores() -> None:
    """With more features than samples the SVM separates its training set; held-out scores know better."""
    x, labels = blobs(40, 4, 200, spread=6.0, seed=0)
    held_out, held_labels = blobs(400, 4, 200, spread=6.0, seed=1)
    test, test_labels = blobs(400, 4, 200, spread=6.0, seed=2)
    machine = fit(x, labels, l2=1e-4)

    def log_loss(calibrated: LinearSVM) -> float:
        return -calibrated.probabilities(test).gather(1, test_labels.unsqueeze(1)).log().mean().item()

    right, wrong = machine.calibrate(held_out, held_labels), machine.calibrate(x, labels)
    assert log_loss(right) < log_loss(wrong)
    assert log_loss(right) < 1.4  # log 4 = 1.386: no worse than knowing nothing


def test_state_survives_safetensors() -> None:
    x, labels = blobs(50, 3, 6, spread=1.0, seed=2)
    for machine in (fit(x, labels), fit(x, labels).calibrate(*blobs(50, 3, 6, spread=1.0, seed=3))):
        again = LinearSVM.from_tensors(load(save(machine.to_tensors())), 3, 6)
        assert torch.equal(again.decision(x), machine.decision(x))
        assert (again.scale is None) == (machine.scale is None)
        for classes, size in ((4, 6), (3, 5)):
            with pytest.raises(ValueError, match="not an SVM's tensors"):
                LinearSVM.from_tensors(machine.to_tensors(), classes, size)
    with pytest.raises(ValueError, match="not an SVM's tensors"):
        LinearSVM.from_tensors({"weights": torch.zeros(3, 6)}, 3, 6)


def test_unusable_input_is_refused() -> None:
    x = torch.randn(4, 2)
    with pytest.raises(UsageError, match="two or more classes"):
        fit(x, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(UsageError, match="two or more classes"):
        fit(x, torch.tensor([0, 1, 2, 5]), classes=3)
    with pytest.raises(WorkError, match="NaN"):
        fit(x * torch.nan, torch.tensor([0, 1, 0, 1]))
    with pytest.raises(ValueError, match=r"\[N, E\]"):
        fit(x, torch.tensor([0, 1]))
