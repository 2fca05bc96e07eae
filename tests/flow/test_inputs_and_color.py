"""Fields as network inputs and as colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.flow.color import color_wheel, flow_to_color
from kinema.flow.inputs import flow_for_i3d, stack_flow


def test_i3d_input_is_clipped_scaled_and_has_channels_last():
    field = np.zeros((3, 2, 4, 5), np.float32)
    field[1, 0, 2, 3], field[1, 1, 2, 3] = 50, -10
    scaled = flow_for_i3d(field)
    assert scaled.shape == (3, 4, 5, 2)
    assert scaled.dtype == np.float32
    assert scaled[1, 2, 3].tolist() == [1.0, -0.5]
    assert flow_for_i3d(field, clip_px=100)[1, 2, 3].tolist() == [0.5, pytest.approx(-0.1)]
    assert flow_for_i3d(field[0]).shape == (4, 5, 2)


def test_stack_orders_channels_as_x1_y1_x2_y2():
    fields = np.arange(3 * 2, dtype=np.float32).reshape(3, 2, 1, 1) * np.ones((3, 2, 4, 5), np.float32)
    stack = stack_flow(fields, length=3, clip_px=None)
    assert stack.shape == (4, 5, 6)
    assert stack[0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert stack_flow(list(fields), length=2, clip_px=None)[2, 2].tolist() == [0, 1, 2, 3]
    # Too few are filled up with the last.
    assert stack_flow(fields[:2], length=4, clip_px=None)[1, 1].tolist() == [0, 1, 2, 3, 2, 3, 2, 3]
    assert stack_flow(fields * 20, length=3)[0, 0].tolist() == [0, 1, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="at least one field"):
        stack_flow(fields[:0])


@given(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32))
def test_i3d_input_stays_in_its_bounds(u, v):
    scaled = flow_for_i3d(np.array([u, v], np.float32)[:, None, None])
    assert np.abs(scaled).max() <= 1
    if max(abs(u), abs(v)) <= 20:
        np.testing.assert_allclose(scaled[0, 0] * 20, [u, v], atol=1e-4)


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
