"""Principal axes against numpy's singular vectors."""

import numpy as np
import pytest
import torch

from kinema.axes import directions, principal_axes, unit_scale


@pytest.mark.parametrize("rows", [4, 30])
def test_axes_are_singular_vectors_whichever_product_is_smaller(rows: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 9)) * np.logspace(0, -2, 9)
    found = principal_axes(torch.from_numpy(x), 3).numpy()
    expected = np.linalg.svd(x)[2][:3]
    np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(3), atol=1e-9)


def test_axes_that_rows_do_not_have_are_zeros() -> None:
    x = torch.outer(torch.tensor([1.0, -2.0, 3.0]), torch.tensor([3.0, 4.0])).double()
    found = principal_axes(x, 4)
    np.testing.assert_allclose(found[0].abs(), [0.6, 0.8], atol=1e-12)
    assert found[1:].eq(0).all()
    assert principal_axes(torch.zeros(2, 5), 3).eq(0).all()


def test_directions_have_length_one_but_for_nothing() -> None:
    found = directions(torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]])


def test_a_scale_gives_rows_a_mean_square_norm_of_one() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(3, 2, size=(20, 4)))
    away = (x - x.mean(0)) * unit_scale(x)
    np.testing.assert_allclose(away.square().sum(1).mean(), 1)
    assert unit_scale(torch.ones(3, 2)) == 0
