"""Long videos of one actor who does several things with pauses between: what a timeline is learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .actions import ACTIONS, CLASSES, standing
from .figure import LEFT_ARM, RIGHT_ARM, Pose
from .stage import Stage

ACTS = ("walking", "boxing", "waving", "jumping_jacks", "kicking", "squatting")
BLEND_SECONDS = 0.4  # from standing into an act, and back
PAUSE, ACT, GESTURE = (1.5, 5.0), (3.0, 9.0), (2.0, 3.5)  # seconds: least and most
RARELY = 0.25  # pauses in which something else is done, which has no label; walks in which the actor waves
UNNAMED = ("clapping", "arm_circles")  # what is done in such pauses


@dataclass(frozen=True)
class LongSettings:
    """What all long videos share."""

    seconds: float = 180.0
    fps: int = 12
    width: int = 160
    height: int = 120
    seed: int = 0

    @property
    def num_frames(self) -> int:
        """Frames of one video."""
        return max(1, round(self.seconds * self.fps))


@dataclass(frozen=True)
class Act:
    """Something done from `start` to `end` (seconds); with `arms` by the arms alone, beside another act.

    `label` is None for what has no name in the set.
    """

    action: str
    label: str | None
    start: float
    end: float
    pace: float
    yaw: float
    phase: float
    arms: bool = False

    def activity(self, seconds: float) -> float:
        """0 where the actor stands, 1 where the act is in full swing."""
        inside = min(seconds - self.start, self.end - seconds) / BLEND_SECONDS
        return float(np.clip(inside, 0.0, 1.0))

    def pose(self, seconds: float) -> Pose:
        """The act's own pose at a moment."""
        return ACTIONS[self.action].pose(self.phase + (seconds - self.start) * self.pace)


class LongVideo:
    """Long video number `number` of `actor`: its acts in order, and its frames one by one.

    Actors are those of `SyntheticClip` of the same seed. Labels are `labels`, of those that can be brief.
    """

    def __init__(self, actor: int, number: int, settings: LongSettings, labels: Sequence[str] = ACTS):
        self.settings = settings
        self._keys = (settings.seed, actor, number)
        place = np.random.default_rng([*self._keys, 101])
        self._stage = Stage(settings.seed, actor, place, (settings.width, settings.height), still=False)
        self.acts = tuple(self._script(np.random.default_rng([*self._keys, 102]), list(labels)))
        self._travelled = self._way()

    def _script(self, rng: np.random.Generator, labels: list[str]) -> Iterator[Act]:
        """Acts with pauses between until the time is over; no act is cut short."""
        now = rng.uniform(*PAUSE)
        while now + ACT[1] < self.settings.seconds:
            label = labels[int(rng.integers(len(labels)))]
            end = now + rng.uniform(*ACT)
            yield self._act(rng, CLASSES[label].action, label, now, end)
            if label == "walking" and "waving" in labels and rng.random() < RARELY:
                middle, last = (now + share * (end - now) for share in (rng.uniform(0.2, 0.4), 0.95))
                yield self._act(rng, "waving", "waving", middle, last, arms=True)
            now = end + rng.uniform(*PAUSE)
            if rng.random() < RARELY and now + GESTURE[1] + ACT[1] < self.settings.seconds:
                end = now + rng.uniform(*GESTURE)
                yield self._act(rng, UNNAMED[int(rng.integers(len(UNNAMED)))], None, now, end)
                now = end + rng.uniform(*PAUSE)

    def _act(
        self,
        rng: np.random.Generator,
        name: str,
        label: str | None,
        start: float,
        end: float,
        *,
        arms: bool = False,
    ) -> Act:
        action, facing = ACTIONS[name], self._stage.facing if ACTIONS[name].mirrored else 1.0
        yaw = facing * (action.yaw + rng.uniform(-9, 9)) if action.yaw else rng.uniform(-16, 16)
        pace = action.turns_per_second * self._stage.tempo * rng.uniform(0.94, 1.06)
        return Act(name, label, start, end, pace, yaw, rng.uniform(), arms)

    def _way(self) -> np.ndarray:
        """Statures travelled at every frame."""
        fps = self.settings.fps
        speed = np.zeros(self.settings.num_frames)
        for act in self.acts:
            travel = ACTIONS[act.action].travel * self._stage.tempo * self._stage.facing
            if travel and not act.arms:
                for index in range(int(act.start * fps), min(int(act.end * fps) + 1, len(speed))):
                    speed[index] += travel * act.activity(index / fps)
        return np.cumsum(speed) / fps

    def frame(self, index: int) -> np.ndarray:
        """Frame `index`, uint8 [height, width, 3] (RGB)."""
        seconds = index / self.settings.fps
        pose, yaw = standing(), self._stage.rest_yaw
        for act in self.acts:
            active = act.activity(seconds)
            if not active:
                continue
            if act.arms:
                pose = _with_arms(pose, act.pose(seconds), active)
            else:
                pose, yaw = pose.blend(act.pose(seconds), active), yaw + active * (act.yaw - yaw)
        picture = self._stage.picture(seconds, pose, yaw, float(self._travelled[index]))
        return self._stage.developed(picture, np.random.default_rng([*self._keys, 103, index]))

    def frames(self) -> Iterator[np.ndarray]:
        """All frames in order."""
        return (self.frame(index) for index in range(self.settings.num_frames))


def _with_arms(pose: Pose, arms: Pose, weight: float) -> Pose:
    limbs = pose.limbs.copy()
    for arm in (LEFT_ARM, RIGHT_ARM):
        limbs[arm] = (1.0 - weight) * limbs[arm] + weight * arms.limbs[arm]
    return Pose(limbs, pose.lean, pose.hop, pose.planted)
