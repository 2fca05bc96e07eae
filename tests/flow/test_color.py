"""Fields as colours."""

from __future__ import annotations

import numpy as np

from kinema.flow.color import color_wheel, flow_to_color


def color_of(u: float, v: float, max_px: float = 10) -> list[int]:
    return flow_to_color(np.array([u, v], np.float32)[:, None, None], max_px)[0, 0].tolist()


def test_known_directions_have_known_colours():
    assert color_of(0, 0) == [255, 255, 255]
    assert color_of(10, 0) == [255, 0, 0]
    assert color_of(5, 0) == [255, 128, 128]
    red, green, blue = color_of(-10, 0)  # left is a blue-green
    assert red < 30
    assert min(green, blue) > 100
    assert color_of(20, 0) == [191, 0, 0]  # beyond the scale: darker
    assert color_of(float("nan"), 1) == [0, 0, 0]
    assert color_of(1, float("inf")) == [0, 0, 0]


def test_wheel_goes_once_around_without_a_jump():
    wheel = color_wheel()
    assert wheel.shape == (55, 3)
    steps = np.abs(np.diff(np.concatenate([wheel, wheel[:1]]), axis=0)).max(axis=1)
    assert steps.max() <= 255 / 4 + 1e-3
    # Opposite directions differ, neighbouring ones hardly.
    assert np.abs(np.subtract(color_of(10, 0.01), color_of(10, -0.01))).max() <= 4
    assert np.abs(np.subtract(color_of(0, 10), color_of(0, -10))).max() > 100


def test_own_scale_is_the_longest_motion():
    field = np.zeros((2, 3, 3), np.float32)
    field[0, 1, 1] = 0.5
    colors = flow_to_color(field)
    assert colors[1, 1].tolist() == [255, 0, 0]
    assert colors[0, 0].tolist() == [255, 255, 255]
    assert (flow_to_color(np.zeros((2, 3, 3))) == 255).all()
