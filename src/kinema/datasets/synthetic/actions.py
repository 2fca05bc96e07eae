"""The actions: what every class does, as a pose over phase. One turn of phase is one repetition."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .figure import Pose

HANGING = (4.0, 9.0, 12.0, 7.0)
STRAIGHT = (3.0, 3.0, -3.0, 3.0)


@dataclass(frozen=True)
class Action:
    """One thing to do: `pose` over phase (turns), its pace and how it is seen.

    `yaw` is the body's direction in degrees (0 faces the camera), `travel` the ground covered in statures per
    second (the camera follows). An action that is not `cyclic` happens once: phase runs from 0 to 1. One
    that is not `mirrored` always faces the same way.
    """

    pose: Callable[[float], Pose]
    turns_per_second: float
    yaw: float = 0.0
    travel: float = 0.0
    prop: str | None = None
    cyclic: bool = True
    mirrored: bool = True


@dataclass(frozen=True)
class SyntheticClass:
    """One class of the set: which action is filmed, and what sets it apart.

    `subset` is what separates the class from its neighbours: "visual" (a single frame is enough),
    "order" (frame for frame the same pictures as its partner, played backwards), "sound" (the very same
    pictures as its partner) or "tempo" (between two visual classes, in pace as much as in pose).
    """

    subset: str
    action: str
    partner: str | None = None
    backwards: bool = False
    strike: str | None = None

    @property
    def can_be_brief(self) -> bool:
        """Whether the actor at rest does not show the class: no prop, and the action ends as it began."""
        return ACTIONS[self.action].cyclic and ACTIONS[self.action].prop is None


def standing(
    left_arm=HANGING, right_arm=HANGING, left_leg=STRAIGHT, right_leg=STRAIGHT, lean=0.0, hop=0.0, planted=1.0
) -> Pose:
    """Upright, arms hanging, but for what is given: the rest pose."""
    return Pose(np.array([left_arm, right_arm, left_leg, right_leg], float), lean, hop, planted)


def _wave(phase: float) -> tuple[float, float]:
    return float(np.sin(2 * np.pi * phase)), float(np.cos(2 * np.pi * phase))


def _out_and_back(phase: float) -> float:
    return (1 - np.cos(2 * np.pi * phase)) / 2


def _gait(phase, *, thigh, forward, bend, lift, arm, elbow, lean, hop) -> Pose:
    """Legs and arms in opposition; the knee bends while its thigh swings forward."""
    sin, cos = _wave(phase)
    left_arm, right_arm = ((arm * s - 4.0, 9.0, arm * s + elbow, 2.0) for s in (-sin, sin))
    thighs = (forward + thigh * sin, cos), (forward - thigh * sin, -cos)
    left_leg, right_leg = ((up, 2.0, up - bend - lift * max(0.0, c) ** 0.8, 2.0) for up, c in thighs)
    return standing(left_arm, right_arm, left_leg, right_leg, lean, hop * abs(cos), planted=0.0)


walking = partial(_gait, thigh=25, forward=3, bend=5, lift=42, arm=24, elbow=10, lean=2, hop=0.0)
jogging = partial(_gait, thigh=30, forward=10, bend=14, lift=72, arm=24, elbow=78, lean=5, hop=0.02)
running = partial(_gait, thigh=50, forward=16, bend=18, lift=88, arm=52, elbow=92, lean=17, hop=0.05)


def boxing(phase: float) -> Pose:
    """Straight punches, left and right in turn, from a low, wide stance."""
    sin, _ = _wave(phase)
    guard, punch = np.array([52.0, 10.0, 142.0, -16.0]), np.array([92.0, -4.0, 94.0, -6.0])
    left, right = (guard + (punch - guard) * max(0.0, s) ** 0.4 for s in (sin, -sin))
    return standing(left, right, (42, 8, 4, 6), (-14, 8, -40, 6), lean=10 + 4 * abs(sin))


def waving(phase: float) -> Pose:
    """Both arms up, swinging from side to side together."""
    sin, _ = _wave(phase)
    left, right = ((0.0, 142 + 12 * s, 0.0, 172 + 26 * s) for s in (sin, -sin))
    return standing(left, right)


def clapping(phase: float) -> Pose:
    """Hands meet before the chest at every whole turn."""
    apart = _out_and_back(phase)
    arm = (38.0, 28.0 + 14 * apart, 92.0, -34.0 + 62 * apart)
    return standing(arm, arm)


def jumping_jacks(phase: float) -> Pose:
    spread = _out_and_back(phase)
    arm, leg = (0, 10 + 140 * spread, 0, 8 + 160 * spread), (0, 3 + 25 * spread, 0, 3 + 25 * spread)
    return standing(arm, arm, leg, leg, hop=0.06 * float(np.sin(2 * np.pi * phase) ** 2))


def kicking(phase: float) -> Pose:
    """The right leg shoots forward to hip height and back; the arms are spread for balance."""
    out = _out_and_back(phase) ** 0.7
    cock = np.sin(np.pi * out)
    leg = (-18 + 112 * out, 4, -42 + 130 * out - 40 * cock, 4)
    return standing((62, 30, 76, 22), (-44, 34, -30, 34), (6, 4, -8, 4), leg, lean=2 - 22 * out)


def squatting(phase: float) -> Pose:
    deep = _out_and_back(phase)
    leg = (3 + 97 * deep, 4 + 10 * deep, -3 - 38 * deep, 4 - 4 * deep)
    arm = (4 + 84 * deep, 9 - 6 * deep, 12 + 76 * deep, 5 - 5 * deep)
    return standing(arm, arm, leg, leg, lean=34 * deep)


def sitting(phase: float) -> Pose:
    """From standing (phase 0) down on a stool (phase 1); the trunk leans forward on the way."""
    down = float(np.clip(phase, 0, 1))
    down = down * down * (3 - 2 * down)
    leg = (3 + 85 * down, 3 + 3 * down, -3 + 1 * down, 3)
    arm = (4 + 24 * down, 9, 12 + 46 * down, 7 - 9 * down)
    return standing(arm, arm, leg, leg, lean=32 * float(np.sin(np.pi * down)))


def arm_circles(phase: float) -> Pose:
    """Both arms swing in full circles: forward, up, back, down; trunk and knees go with them."""
    sin, cos = _wave(phase)
    swing = 360.0 * (phase % 1.0)
    arm = (swing, 6.0, swing + 6.0 * sin, 4.0)
    dip = (1 + cos) / 2  # knees give way when the arms are at the bottom
    leg = (3 + 42 * dip, 4, -3 - 30 * dip, 4)
    return standing(arm, arm, leg, leg, lean=4 + 14 * sin + 10 * dip)


def striking(phase: float) -> Pose:
    """The right hand's mallet comes down on the drum at every whole turn."""
    up = _out_and_back(phase) ** 0.7
    right = (30.0 + 80 * up, 4.0, 58.0 + 102 * up, -4.0)
    return standing((18.0, 14.0, 62.0, 2.0), right, (8, 4, -2, 4), (-4, 4, -10, 4), lean=15 - 10 * up)


ACTIONS: dict[str, Action] = {
    "walking": Action(walking, 0.95, yaw=80, travel=0.75),
    "jogging": Action(jogging, 1.3, yaw=80, travel=1.4),
    "running": Action(running, 1.6, yaw=80, travel=2.4),
    "boxing": Action(boxing, 1.0, yaw=62),
    "waving": Action(waving, 1.4),
    "clapping": Action(clapping, 1.5),
    "jumping_jacks": Action(jumping_jacks, 0.9),
    "kicking": Action(kicking, 0.75, yaw=72),
    "squatting": Action(squatting, 0.6, yaw=48),
    "sitting": Action(sitting, 0.95, yaw=62, prop="stool", cyclic=False),
    "arm_circles": Action(arm_circles, 0.65, yaw=78, mirrored=False),
    "striking": Action(striking, 1.2, yaw=58, prop="drum"),
}

_VISUAL = ("walking", "running", "boxing", "waving", "clapping", "jumping_jacks", "kicking", "squatting")
CLASSES: dict[str, SyntheticClass] = {
    **{name: SyntheticClass("visual", name) for name in _VISUAL},
    "jogging": SyntheticClass("tempo", "jogging"),
    "arm_circles_forward": SyntheticClass("order", "arm_circles", "arm_circles_backward"),
    "arm_circles_backward": SyntheticClass("order", "arm_circles", "arm_circles_forward", backwards=True),
    "sit_down": SyntheticClass("order", "sitting", "stand_up"),
    "stand_up": SyntheticClass("order", "sitting", "sit_down", backwards=True),
    "strike_bell": SyntheticClass("sound", "striking", "strike_drum", strike="bell"),
    "strike_drum": SyntheticClass("sound", "striking", "strike_bell", strike="drum"),
}
