"""Displacement fields as what the networks take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.streams.fields import scaled_flow
from kinema.streams.stacks import stack_fields


def test_i3d_input_is_clipped_scaled_and_has_channels_last():
    field = np.zeros((3, 2, 4, 5), np.float32)
    field[1, 0, 2, 3], field[1, 1, 2, 3] = 50, -10
    scaled = scaled_flow(field)
    assert scaled.shape == (3, 4, 5, 2)
    assert scaled.dtype == np.float32
    assert scaled[1, 2, 3].tolist() == [1.0, -0.5]
    assert scaled_flow(field, clip_px=100)[1, 2, 3].tolist() == [0.5, pytest.approx(-0.1)]
    assert scaled_flow(field[0]).shape == (4, 5, 2)


def test_stack_orders_channels_as_x1_y1_x2_y2():
    fields = list(np.arange(3 * 2, dtype=np.float32).reshape(3, 1, 1, 2) * np.ones((3, 4, 5, 2), np.float32))
    stack = stack_fields(fields, 3)
    assert stack.shape == (4, 5, 6)
    assert stack[0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    # Too few are filled up with the last.
    assert stack_fields(fields[:2], 4)[1, 1].tolist() == [0, 1, 2, 3, 2, 3, 2, 3]


@given(st.floats(-100, 100, width=32), st.floats(-100, 100, width=32))
def test_i3d_input_stays_in_its_bounds(u, v):
    scaled = scaled_flow(np.array([u, v], np.float32)[:, None, None])
    assert np.abs(scaled).max() <= 1
    if max(abs(u), abs(v)) <= 20:
        np.testing.assert_allclose(scaled[0, 0] * 20, [u, v], atol=1e-4)
