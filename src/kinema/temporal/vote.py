"""A tag for every frame, and the video's tag by majority (the corehar paper's decision)."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .pooling import absent_steps, mean_steps


def frame_tags(scores: Tensor, lengths: Tensor | None = None) -> Tensor:
    """The best class of every frame: [B, T, C] -> int64 [B, T]; -1 past a sequence's length."""
    tags = scores.argmax(2)
    if lengths is None:
        return tags
    return tags.masked_fill(absent_steps(lengths.to(scores.device), scores.shape[1]), -1)


def vote(scores: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Class scores of videos whose argmax is the most frequent frame tag; [B, T, C] -> [B, C].

    `scores` are class scores in [0, 1] at every frame; [T, C] (one video) gives [C]. With v votes of n
    frames and mean score s, a class gets (v + s / 2) / (n + 1 / 2): votes decide, the mean score breaks
    ties (among all classes, so that a top 3 has an order too), and the result sums to 1 where the frames'
    scores do. A video without frames gets zeros.
    """
    if scores.ndim == 2:
        return vote(scores.unsqueeze(0), lengths).squeeze(0)
    batch, steps, classes = scores.shape
    if steps == 0:
        return scores.new_zeros(batch, classes)
    tags = frame_tags(scores, lengths)
    votes = one_hot(tags + 1, classes + 1)[..., 1:].sum(1).double()
    blended = votes + mean_steps(scores.double(), lengths) / 2
    frames = votes.sum(1, keepdim=True)
    result = (blended / (frames + 0.5)).to(scores.dtype)
    # rounding may have made a near tie a tie: the winner stays strictly ahead
    ahead = torch.nextafter(result.amax(1, keepdim=True), result.new_tensor(torch.inf))
    winner = blended.argmax(1, keepdim=True)
    return torch.where(frames > 0, result.scatter(1, winner, ahead), 0.0)
