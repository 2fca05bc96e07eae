"""A linear support vector machine on the streams' embeddings side by side (three-stream paper, fusion model).

One machine per class against the rest, each minimising

    mean over samples of max(0, 1 - y (w . x + b)) + l2 * (|w|^2 + b^2),        y = +1 or -1

which is Keras' reading of an L2 weight (penalty l2 * |w|^2, mean loss). Liblinear minimises
|w|^2 / 2 + C * sum of losses, so C = 1 / (2 * l2 * n). The offset is penalised with the weights, as liblinear
does it. What goes in is `ConcatNet(sizes, presence=True)`: an absent stream is zeros and a 0 in its presence
column. SciPy and scikit-learn are loaded by what fits, not by what predicts.
"""

from typing import Self

import torch
from torch import Tensor

from ..errors import UsageError, WorkError


class LinearSVM:
    """`weights` float32 [C, E], `offsets` float32 [C]; `scale` is None until calibrated."""

    def __init__(self, weights: Tensor, offsets: Tensor, scale: Tensor | None = None):
        self.weights, self.offsets, self.scale = weights, offsets, scale

    def decision(self, embeddings: Tensor) -> Tensor:
        """Signed distances in margins, float32 [N, E] -> [N, C]; the largest is the class."""
        return torch.addmm(self.offsets, embeddings.to(self.weights), self.weights.t())

    def calibrate(self, embeddings: Tensor, labels: Tensor) -> Self:
        """A copy with `probabilities`, fitted on HELD-OUT samples; never on those of `fit`.

        Temperature scaling: softmax(scale * decision), with the scale of least log loss. Decisions on the
        training samples lie at their margins by construction and would give far too sure a scale.
        """
        from scipy.optimize import minimize_scalar

        _check(embeddings, labels)
        decisions, target = self.decision(embeddings).double(), labels.to(self.weights.device)

        def log_loss(log_scale: float) -> float:
            scaled = decisions * float(torch.tensor(log_scale, dtype=torch.float64).exp())
            return torch.nn.functional.cross_entropy(scaled, target).item()

        # from nearly even to nearly certain per margin; separable held-out data ends at the upper bound
        best = minimize_scalar(log_loss, bounds=(-7.0, 5.0), method="bounded").x
        return type(self)(self.weights, self.offsets, torch.tensor(best, dtype=torch.float64).exp().float())

    def probabilities(self, embeddings: Tensor) -> Tensor:
        """Calibrated class probabilities, float32 [N, C]. Raises UsageError before `calibrate`."""
        if self.scale is None:
            raise UsageError(
                "the SVM has no probabilities yet; call calibrate() with held-out embeddings first"
            )
        return (self.decision(embeddings) * self.scale).softmax(dim=1)

    def to_tensors(self) -> dict[str, Tensor]:
        """The whole state, ready for safetensors."""
        state = {"weights": self.weights, "offsets": self.offsets}
        return state if self.scale is None else {**state, "scale": self.scale}

    @classmethod
    def from_tensors(cls, state: dict[str, Tensor], classes: int, size: int) -> Self:
        """The inverse of `to_tensors`, [C, E]. Raises ValueError where names or shapes are others."""
        shapes = {"weights": (classes, size), "offsets": (classes,), "scale": ()}
        if {name: tuple(state[name].shape) for name in state} | {"scale": ()} != shapes:
            raise ValueError(f"these are not an SVM's tensors for {classes} classes and {size} values")
        return cls(state["weights"], state["offsets"], state.get("scale"))


def fit(
    embeddings: Tensor, labels: Tensor, *, classes: int | None = None, l2: float = 1e-2, seed: int = 0
) -> LinearSVM:
    """Fit on embeddings float [N, E] and labels int64 [N] in 0..classes-1.

    A class without samples gets weights 0 and offset -1, the decision "no" at its margin. Raises UsageError
    with fewer than two classes in the labels, WorkError for embeddings that are not finite.
    """
    from sklearn.svm import LinearSVC

    _check(embeddings, labels)
    count = classes or int(labels.max()) + 1
    seen = labels.unique().tolist()
    if len(seen) < 2 or seen[0] < 0 or seen[-1] >= count:
        raise UsageError(f"the SVM needs two or more classes among 0..{count - 1}, got {seen}; add videos")
    machine = LinearSVC(
        loss="hinge", C=1 / (2 * l2 * len(labels)), random_state=seed, tol=1e-4, max_iter=100_000
    )
    machine.fit(embeddings.detach().cpu().double().numpy(), labels.cpu().numpy())
    coefficients, intercepts = torch.from_numpy(machine.coef_), torch.from_numpy(machine.intercept_)
    if len(seen) == 2:  # liblinear keeps one machine for two classes
        coefficients, intercepts = (
            torch.cat([-coefficients, coefficients]),
            torch.cat([-intercepts, intercepts]),
        )
    weights, offsets = torch.zeros(count, embeddings.shape[1]), torch.full((count,), -1.0)
    weights[seen], offsets[seen] = coefficients.float(), intercepts.float()
    return LinearSVM(weights, offsets)


def _check(embeddings: Tensor, labels: Tensor) -> None:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not len(labels):
        raise ValueError(f"need [N, E] and [N], N >= 1, got {list(embeddings.shape)}, {list(labels.shape)}")
    if not torch.isfinite(embeddings).all():
        raise WorkError("embeddings hold NaN or infinity; train the streams again with a lower training.lr")
