"""RGB frames as clips: one decoded frame may serve several backbones."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import cast

import numpy as np

from ..sampling.adaptive import adaptive
from ..sampling.frames import uniform
from ..sampling.online import IndexSampler, OnlineSampler, online_sampler
from ..sampling.specs import Adaptive, Uniform
from ..types import Clip, Frame
from .images import Augmenter, fit
from .record import check_damage, open_record
from .source import Job, SourceConfig

Prepared = tuple[float, tuple[np.ndarray, ...]]


class RgbSource:
    """Clips of RGB frames, chosen by the recipe's sampling, cut and resized for each backbone."""

    def __init__(self, config: SourceConfig, *, threads: int = 1):
        self.config, self.threads = config, threads
        self.notes: list[str] = []

    def clips(self, job: Job) -> Iterator[Clip]:
        """Yield clips in order, in constant memory. Raises `MediaError` where what it reads is damaged."""
        self.notes = []
        sampler = self._sampler(job)
        augment = None
        if job.variant and self.config.augment is not None:
            augment = Augmenter(self.config.augment, job.key, job.variant)
        with open_record(job.record) as reader:
            frames = cast("Generator[Frame, None, None]", reader.read(sampler.wants))
            for frame in frames:
                image = augment(frame.data) if augment else frame.data
                prepared = tuple(fit(image, view.size, view.crop) for view in self.config.views if view.size)
                for clip in sampler.push((frame.pts_seconds, prepared), frame.index, frame.pts_seconds):
                    yield self._clip(clip)
                if sampler.done:
                    break
            frames.close()  # then the reader tells what damage it met this far
            check_damage(reader)
        for clip in sampler.finish():
            yield self._clip(clip)

    def _clip(self, items: list[Prepared]) -> Clip:
        columns = zip(*(inputs for _, inputs in items), strict=True)
        pairs = zip(self.config.views, columns, strict=True)
        return Clip(items[0][0], tuple(np.stack(c) if v.kind == "clip" else c[0] for v, c in pairs))

    def _sampler(self, job: Job) -> OnlineSampler[Prepared]:
        spec = self.config.sampling
        if spec is None:
            raise ValueError("rgb input needs a sampling")
        sampler = online_sampler(spec)
        if not sampler.whole:
            return sampler
        if isinstance(spec, Adaptive):
            from .motion import motion_profile  # optical flow is slow to import and seldom wanted

            motion = motion_profile(job, spec.seconds, self.config, threads=self.threads)
            return IndexSampler(
                adaptive(motion, len(motion) + 1, frames=spec.frames, stretches=spec.stretches)
            )
        if isinstance(spec, Uniform):
            with open_record(job.record) as reader:
                count = len(reader.timestamps())
                check_damage(reader)  # the last frame chosen stands before the end, where damage often is
            return IndexSampler(uniform(count, spec.frames, spec.policy))
        raise ValueError(f"no sampler for {spec.kind}")
