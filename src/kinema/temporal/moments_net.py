"""Statistics of a feature sequence x_1 ... x_T over time, float32 [B, D] or several side by side.

    mean      (1/T) sum x_t
    spread    sqrt((1/T) sum (x_t - mean)^2)
    steps     mean of |x_{t+k} - x_t|, for every lag k
    halves    mean of the last floor(T/2) steps minus mean of the first floor(T/2)
    cosine    (2/T) sum x_t cos(pi (t - 1/2) / T)
    scenes    halves, alone and times each of the scene's 16 components: those of the mean's direction, as a
              unit vector from the centre of the training videos' means, along its principal axes, each scaled
              to a root mean square of 1/2
    areas     for every lag k, and every two of 16 components a, b of a step: 1/(T - k) sum of
              a_t b_{t+k} - a_{t+k} b_t. The components are those from the centre of the training videos'
              steps along their principal axes. It is the area, with a sign, that the sequence goes round in
              the plane of a and b (the second level of a path's signature; Lyons 1998)

A sequence played backwards has the same mean, spread and steps, and halves, cosine, scenes and areas of
opposite sign: of these four alone a linear classifier can tell the direction. With `scenes` what a change
means may depend on where it is seen; `areas` tell which of two changes comes first. Differences over more
steps than a sequence has are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

import torch
from torch import Tensor

from ..axes import TINY, directions, principal_axes, unit_scale
from .model import SequenceModel
from .moments import Moments, Statistic
from .pooling import absent_steps

# Principal axes that tell scenes apart, at most as many as there are features; the root mean square of the
# components along each.
AXES, EXTENT = 16, 0.5
# Components in whose planes areas are taken; the steps of a training video, and the videos at most, that
# they are found by.
COMPONENTS, STEPS, VIDEOS = 16, 8, 512


class MomentsNet(SequenceModel):
    """[B, T, D] -> the statistics, centred and scaled over the training videos by `fit`, [B, E].

    Each statistic then has a mean square norm of 1, whatever the number of its values.
    """

    mean: Tensor
    scale: Tensor
    scene_centre: Tensor
    scene_axes: Tensor
    area_centre: Tensor
    area_axes: Tensor

    def __init__(self, spec: Moments, input_size: int):
        super().__init__()
        self.statistics, self.lags = spec.statistics, spec.lags
        count: dict[Statistic, int] = {
            "steps": len(self.lags),
            "scenes": 1 + min(AXES, input_size),
        }
        self.blocks = {name: input_size * count.get(name, 1) for name in self.statistics}
        if "areas" in self.statistics:
            components = min(COMPONENTS, input_size)
            self.blocks["areas"] = len(self.lags) * components * (components - 1) // 2
            self.register_buffer("area_centre", torch.zeros(input_size))
            self.register_buffer("area_axes", torch.zeros(components, input_size))
        self.embedding_size = sum(self.blocks.values())
        self.register_buffer("mean", torch.zeros(self.embedding_size))
        self.register_buffer("scale", torch.ones(self.embedding_size))
        if "scenes" in self.statistics:
            self.register_buffer("scene_centre", torch.zeros(input_size))
            self.register_buffer("scene_axes", torch.zeros(min(AXES, input_size), input_size))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        lengths = (
            x.new_full((len(x),), x.shape[1], dtype=torch.int64) if lengths is None else lengths.to(x.device)
        )
        out = (self.raw(x, lengths) - self.mean) * self.scale
        return out.masked_fill((lengths == 0).unsqueeze(1), 0.0)

    def raw(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The statistics as they are, [B, E]."""
        if x.shape[1] == 0:
            return x.new_zeros(len(x), self.embedding_size)
        x = _zero_padded(x, lengths)
        found = {name: getattr(self, f"_{name}")(x, lengths) for name in self.statistics}
        return torch.cat(list(found.values()), dim=1)

    def fit(self, sequences: Callable[[], Iterable[tuple[Tensor, Tensor]]]) -> None:
        """Take the axes of scenes and areas, then the mean of each value and the spread of each statistic
        over videos, from padded batches (data [B, T, D], lengths [B]), read once for each of the three.

        A statistic has one scale for all features, because their differing spreads say what matters. Videos
        without a step are left out; a statistic that is the same in all videos becomes 0.
        """
        if "scenes" in self.statistics:
            self._fit_scenes(_rows(lambda x, n: self._mean(_zero_padded(x, n), n), sequences()))
        if "areas" in self.statistics:
            self._fit_areas(_some_steps(sequences()))
        values = _rows(self.raw, sequences())
        if not len(values):
            return
        self.mean.copy_(values.mean(0))
        scales = [unit_scale(part) for part in values.split(list(self.blocks.values()), 1)]
        self.scale.copy_(torch.cat([s.expand(n) for s, n in zip(scales, self.blocks.values(), strict=True)]))

    def _fit_scenes(self, means: Tensor) -> None:
        """Centre and scaled principal axes of the directions of these means, float64 [N, D]."""
        if not len(means):
            return
        self.scene_centre.copy_(means.mean(0))
        scene = directions(means - means.mean(0))
        axes = principal_axes(scene, len(self.scene_axes))
        extents = (scene @ axes.T).square().mean(0).sqrt()
        self.scene_axes.copy_(axes * (EXTENT / extents.clamp_min(TINY)).unsqueeze(1))

    def _fit_areas(self, steps: Tensor) -> None:
        """Centre and principal axes of these steps, float64 [N, D]."""
        if not len(steps):
            return
        self.area_centre.copy_(steps.mean(0))
        self.area_axes.copy_(principal_axes(steps - steps.mean(0), len(self.area_axes)))

    def _mean(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x.sum(1) / lengths.clamp_min(1).unsqueeze(1)

    def _spread(self, x: Tensor, lengths: Tensor) -> Tensor:
        away = x - self._mean(x, lengths).unsqueeze(1)
        away = away.masked_fill(absent_steps(lengths, x.shape[1]).unsqueeze(2), 0.0)
        # TINY keeps the slope of the square root finite where a feature does not change.
        return (away.square().sum(1) / lengths.clamp_min(1).unsqueeze(1) + TINY).sqrt()

    def _steps(self, x: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat([self._mean(d.abs(), n) for d, n in self._differences(x, lengths)], dim=1)

    def _differences(self, x: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For every lag x_{t+k} - x_t [B, T - k, D], 0 past the end, and how many there are, [B]."""
        found = []
        for lag in self.lags:
            counts = (lengths - lag).clamp_min(0)
            if x.shape[1] <= lag:
                found.append((x[:, :1] * 0, counts))
                continue
            outside = absent_steps(counts, x.shape[1] - lag).unsqueeze(2)
            found.append(((x[:, lag:] - x[:, :-lag]).masked_fill(outside, 0.0), counts))
        return found

    def _halves(self, x: Tensor, lengths: Tensor) -> Tensor:
        at, half = torch.arange(x.shape[1], device=x.device), (lengths // 2).unsqueeze(1)
        late = (at >= lengths.unsqueeze(1) - half) & (at < lengths.unsqueeze(1))
        weights = (late.to(x.dtype) - (at < half).to(x.dtype)) / half.clamp_min(1)
        return torch.einsum("bt,btd->bd", weights, x)

    def _scenes(self, x: Tensor, lengths: Tensor) -> Tensor:
        halves = self._halves(x, lengths)
        scene = directions(self._mean(x, lengths) - self.scene_centre) @ self.scene_axes.T
        return torch.cat([halves, (scene.unsqueeze(2) * halves.unsqueeze(1)).flatten(1)], dim=1)

    def _areas(self, x: Tensor, lengths: Tensor) -> Tensor:
        z = _zero_padded((x - self.area_centre) @ self.area_axes.T, lengths)
        planes = list(combinations(range(len(self.area_axes)), 2))
        a, b = [first for first, _ in planes], [second for _, second in planes]
        found = []
        for lag in self.lags:
            if x.shape[1] <= lag:
                found.append(z.new_zeros(len(z), len(a)))
                continue
            products = z[:, :-lag].transpose(1, 2) @ z[:, lag:]
            pairs = (lengths - lag).clamp_min(1).unsqueeze(1)
            found.append((products[:, a, b] - products[:, b, a]) / pairs)
        return torch.cat(found, dim=1)

    def _cosine(self, x: Tensor, lengths: Tensor) -> Tensor:
        length = lengths.clamp_min(1).unsqueeze(1).to(x.dtype)
        place = torch.pi * (torch.arange(x.shape[1], device=x.device, dtype=x.dtype) + 0.5) / length
        return torch.einsum("bt,btd->bd", place.cos() * 2 / length, x)


def _some_steps(sequences: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """STEPS steps of videos that have one, from the first to the last, float64 [N, D]: of all videos, or of
    every second, fourth, ..., so that there are no more than VIDEOS.
    """
    kept: list[Tensor] = []
    seen, every = 0, 1
    for data, lengths in sequences:
        for x, length in zip(data, lengths.tolist(), strict=True):
            if length and seen % every == 0:
                kept.append(x[torch.linspace(0, length - 1, STEPS).round().long()].double())
            seen += length > 0
            if len(kept) > VIDEOS:
                kept, every = kept[::2], every * 2
    return torch.cat(kept) if kept else torch.zeros(0, 0)


def _zero_padded(x: Tensor, lengths: Tensor) -> Tensor:
    return x.masked_fill(absent_steps(lengths, x.shape[1]).unsqueeze(2), 0.0)


def _rows(
    statistic: Callable[[Tensor, Tensor], Tensor], sequences: Iterable[tuple[Tensor, Tensor]]
) -> Tensor:
    """A statistic of all videos that have a step, float64 [N, E]."""
    rows = [statistic(data, lengths)[lengths > 0].double() for data, lengths in sequences]
    return torch.cat(rows) if rows else torch.zeros(0, 0)
