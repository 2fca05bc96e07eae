"""The figure's skeleton against what bodies must do, and its drawing against its skeleton."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from kinema.datasets.synthetic import actions, figure
from kinema.datasets.synthetic.figure import Look, Pose, View, draw_figure, skeleton

LOOK = Look(
    skin=(255, 0, 0), hair=(0, 255, 0), shirt=(0, 0, 255), trousers=(255, 255, 0), shoes=(0, 255, 255)
)
phases = st.floats(0, 1)
names = st.sampled_from(sorted(actions.ACTIONS))


def _length(joints: dict[str, np.ndarray], a: str, b: str) -> float:
    return float(np.linalg.norm(joints[a] - joints[b]))


@given(names, phases)
def test_bones_keep_their_length(name: str, phase: float) -> None:
    joints = skeleton(actions.ACTIONS[name].pose(phase), LOOK)
    for side in ("left", "right"):
        assert _length(joints, f"{side} arm 0", f"{side} arm 1") == pytest.approx(figure.UPPER_ARM)
        assert _length(joints, f"{side} arm 1", f"{side} arm 2") == pytest.approx(figure.FOREARM)
        assert _length(joints, f"{side} leg 0", f"{side} leg 1") == pytest.approx(figure.THIGH)
        assert _length(joints, f"{side} leg 1", f"{side} leg 2") == pytest.approx(figure.SHANK)


@given(names, phases)
def test_feet_stand_on_the_ground_and_not_in_it(name: str, phase: float) -> None:
    pose = actions.ACTIONS[name].pose(phase)
    joints = skeleton(pose, LOOK)
    soles = [joints[f"{s} leg 2"][1] - figure.ANKLE_HEIGHT for s in ("left", "right")]
    soles += [joints[f"{s} leg toe"][1] - 0.012 for s in ("left", "right")]
    assert min(soles) == pytest.approx(pose.hop, abs=1e-9)


@given(names, phases)
def test_knees_and_elbows_bend_one_way(name: str, phase: float) -> None:
    limbs = actions.ACTIONS[name].pose(phase).limbs
    assert (limbs[2:, 2] <= limbs[2:, 0] + 1e-9).all()  # the shank swings back from the thigh
    if name not in ("waving", "jumping_jacks", "arm_circles"):  # there the arms go sideways or around
        assert (limbs[:2, 2] >= limbs[:2, 0] - 1e-9).all()


@given(names, phases)
def test_cyclic_actions_close(name: str, phase: float) -> None:
    action = actions.ACTIONS[name]
    if action.cyclic:
        one, next_turn = (skeleton(action.pose(p), LOOK) for p in (phase, phase + 1))
        for joint, point in one.items():
            np.testing.assert_allclose(next_turn[joint], point, atol=1e-6)


def test_angles_mean_what_they_say() -> None:
    limbs = np.zeros((4, 4))
    limbs[figure.LEFT_ARM] = (90, 0, 90, 0)  # forward
    limbs[figure.RIGHT_ARM] = (0, 90, 0, 180)  # out to the right, then up
    joints = skeleton(Pose(limbs), LOOK)
    left = joints["left arm 2"] - joints["left arm 0"]
    np.testing.assert_allclose(left, (0, 0, figure.UPPER_ARM + figure.FOREARM), atol=1e-9)
    right = joints["right arm 2"] - joints["right arm 0"]
    np.testing.assert_allclose(right, (-figure.UPPER_ARM, figure.FOREARM, 0), atol=1e-9)
    stature = joints["head"][1] + figure.HEAD
    assert 0.93 < stature < 1.07


def test_yaw_turns_the_body_on_the_picture() -> None:
    forward = np.array([0.0, 0.5, 0.3])
    assert View(100, 200, 100, 90).project(forward)[0] == pytest.approx(130)  # faces right
    assert View(100, 200, 100, -90).project(forward)[0] == pytest.approx(70)
    x, _, near = View(100, 200, 100, 0).project(forward)
    assert (x, near) == (pytest.approx(100), pytest.approx(0.3))


def test_drawing_covers_the_skeleton_in_the_actor_s_colours() -> None:
    image = Image.new("RGB", (200, 200), (255, 255, 255))
    view = View(100, 180, 150, 0)
    draw_figure(ImageDraw.Draw(image, "RGBA"), actions.standing(), LOOK, view)
    picture = np.asarray(image)
    joints = skeleton(actions.standing(), LOOK)
    for joint, colour in (("left arm 2", LOOK.skin), ("left leg 1", LOOK.trousers), ("hip", None)):
        x, y, _ = view.project(joints[joint])
        seen = picture[round(y), round(x)]
        assert (seen != 255).any()
        if colour is not None:
            assert tuple(seen) == colour
    assert (picture[:20] == 255).all()
    assert (picture[:, :40] == 255).all()


def test_blend_goes_from_one_pose_to_the_other() -> None:
    a, b = actions.standing(), actions.running(0.2)
    np.testing.assert_allclose(a.blend(b, 0.0).limbs, a.limbs)
    np.testing.assert_allclose(a.blend(b, 1.0).limbs, b.limbs)
    half = a.blend(b, 0.5)
    np.testing.assert_allclose(half.limbs, (a.limbs + b.limbs) / 2)
    assert half.lean == pytest.approx((a.lean + b.lean) / 2)
