"""Statistics over time against slow loops in NumPy; what playing backwards does to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from kinema.model import ridge
from kinema.temporal import Moments, moments_net
from kinema.temporal.moments_net import MomentsNet

ALL = ("mean", "spread", "steps", "halves", "cosine", "scenes", "areas")


def slow(x: np.ndarray, name: str, lags: tuple[int, ...]) -> np.ndarray:
    """One statistic of one sequence [T, D], feature by feature and step by step."""
    scales = {"steps": lags}.get(name, (0,))
    return np.array(
        [slow_value([float(v) for v in x[:, d]], name, k) for k in scales for d in range(x.shape[1])]
    )


def slow_value(column: list[float], name: str, k: int) -> float:
    steps, half = len(column), len(column) // 2
    differences = [column[t + k] - column[t] for t in range(steps - k)]
    mean = sum(column) / steps
    match name:
        case "mean":
            return mean
        case "spread":
            return math.sqrt(sum((v - mean) ** 2 for v in column) / steps)
        case "steps":
            return sum(abs(d) for d in differences) / max(len(differences), 1)
        case "halves":
            return (sum(column[steps - half :]) - sum(column[:half])) / max(half, 1)
        case _:
            waves = [math.cos(math.pi * (t + 0.5) / steps) for t in range(steps)]
            return 2 / steps * sum(v * w for v, w in zip(column, waves, strict=True))


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("scenes", "areas")])
@pytest.mark.parametrize("lags", [(1, 2, 4), (3,)])
def test_statistics_are_those_of_slow_loops(name: str, lags: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, lengths = torch.randn(5, 9, 3), torch.tensor([9, 4, 1, 2, 7])
    net = MomentsNet(Moments(statistics=(name,), lags=lags), 3)
    found = net(x, lengths).numpy()
    for row, length in enumerate(lengths.tolist()):
        expected = slow(x[row, :length].numpy(), name, lags)
        np.testing.assert_allclose(found[row], expected, atol=3e-6)


@pytest.mark.parametrize("name", ALL)
def test_backwards_keeps_even_statistics_and_turns_odd_ones(name: str) -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 7, 3)
    net = MomentsNet(Moments(statistics=(name,)), 3)
    if name == "areas":
        net.fit(lambda: [(x, torch.tensor([7, 7]))])
        net.mean.zero_()
    sign = -1 if name in ("halves", "cosine", "scenes", "areas") else 1
    torch.testing.assert_close(net(x.flip(1)), sign * net(x), atol=1e-5, rtol=1e-5)
    assert net(x).abs().max() > 0.05


def fitted_on(x: torch.Tensor, lengths: torch.Tensor, *statistics: str) -> MomentsNet:
    net = MomentsNet(Moments(statistics=statistics), x.shape[2])
    net.fit(lambda: [(x[:15], lengths[:15]), (x[15:], lengths[15:])])
    return net


def test_scenes_are_halves_times_principal_components_of_the_means_direction() -> None:
    torch.manual_seed(3)
    x, lengths = torch.randn(30, 6, 12) + torch.randn(30, 1, 12) * 2 + 5, torch.randint(2, 7, (30,))
    net = fitted_on(x, lengths, "scenes")
    values = [x[i, :n].numpy().astype(float) for i, n in enumerate(lengths.tolist())]
    means = np.stack([v.mean(0) for v in values])
    directions = (means - means.mean(0)) / np.linalg.norm(means - means.mean(0), axis=1, keepdims=True)
    axes = np.linalg.svd(directions)[2]
    assert net.scene_axes.shape == (12, 12)
    halves = np.array([[slow_value(list(column), "halves", 0) for column in v.T] for v in values])
    scene = directions @ axes.T
    scene *= 0.5 / np.sqrt((scene**2).mean(0))
    # Axes have no sign: products with them are compared by the inner products between videos.
    expected = (halves @ halves.T) * (1 + scene @ scene.T)
    got = net.raw(x, lengths).double().numpy()
    np.testing.assert_allclose(got[:, :12], halves, atol=1e-5)
    np.testing.assert_allclose(got @ got.T, expected, rtol=1e-4, atol=1e-4)


def test_scenes_have_no_more_axes_than_the_videos_span() -> None:
    torch.manual_seed(7)
    x = torch.randn(5, 6, 40) + torch.randn(5, 1, 40)
    net = MomentsNet(Moments(statistics=("scenes",)), 40)
    net.fit(lambda: [(x, torch.full((5,), 6))])
    assert net.scene_axes.shape == (16, 40)
    assert (net.scene_axes.norm(dim=1) > 0).sum() == 4  # five means about their centre


@pytest.mark.parametrize("lags", [(1, 2, 4), (3,)])
def test_areas_are_those_of_slow_loops_in_the_planes_of_principal_axes(lags: tuple[int, ...]) -> None:
    torch.manual_seed(5)
    x, lengths = torch.randn(30, 9, 4) * torch.logspace(0, -1, 4) + 3, torch.randint(1, 10, (30,))
    net = MomentsNet(Moments(statistics=("areas",), lags=lags), 4)
    net.fit(lambda: [(x[:15], lengths[:15]), (x[15:], lengths[15:])])
    steps = np.concatenate(
        [x[i, np.linspace(0, n - 1, 8).round().astype(int)] for i, n in enumerate(lengths.tolist())]
    )
    centre = steps.mean(0)
    np.testing.assert_allclose(net.area_centre, centre, atol=1e-5)
    axes = np.linalg.svd(steps - centre, full_matrices=False)[2]
    np.testing.assert_allclose(np.abs(net.area_axes.numpy() @ axes.T), np.eye(4), atol=1e-4)
    got = net.raw(x, lengths).numpy()
    for row, length in enumerate(lengths.tolist()):
        z = (x[row, :length].numpy() - centre) @ net.area_axes.numpy().T
        expected = [
            sum(z[t, a] * z[t + k, b] - z[t + k, a] * z[t, b] for t in range(length - k)) / max(length - k, 1)
            for k in lags
            for a in range(4)
            for b in range(a + 1, 4)
        ]
        np.testing.assert_allclose(got[row], expected, atol=1e-5)


def test_areas_tell_which_of_two_changes_comes_first() -> None:
    """Two features rise and fall again, one after the other: halves and cosine see next to nothing of it."""
    torch.manual_seed(6)
    x = torch.randn(80, 12, 4) * 0.1
    late = torch.arange(80) % 2
    for row, second in enumerate(late.tolist()):
        x[row, 4:6, second] += 1
        x[row, 6:8, 1 - second] += 1
    start = torch.randint(-3, 4, (80,)).tolist()  # at any place of the sequence
    x = torch.stack([part.roll(shift, 0) for part, shift in zip(x, start, strict=True)])
    right, lengths = {}, torch.full((80,), 12)
    for name in ("halves", "areas"):
        values = fitted_on(x, lengths, name)(x, lengths).numpy()
        found = ridge.fit(
            values, late.numpy(), [values.shape[1]], classes=2, folds=np.arange(80) // 2 % 5
        ).held_out
        right[name] = (found.argmax(1) == late.numpy()).mean()
    assert right["halves"] < 0.75
    assert right["areas"] == 1


def test_axes_of_areas_are_those_of_some_videos_where_there_are_many() -> None:
    x = torch.arange(5000.0).reshape(5000, 1, 1).expand(-1, 2, 2)
    steps = moments_net._some_steps(
        (x[i : i + 32], torch.full((len(x[i : i + 32]),), 2)) for i in range(0, 5000, 32)
    )
    videos = steps[::8, 0]
    assert 256 < len(videos) <= 512
    assert videos.diff().unique().tolist() == [16]


def test_what_a_change_means_may_depend_on_the_scene() -> None:
    """A feature that rises is the first class in one scene and the second in the other."""
    torch.manual_seed(4)
    scene, rises = torch.arange(80) % 2 * 2.0 - 1, torch.arange(80) // 2 % 2 * 2.0 - 1
    x = torch.randn(80, 6, 4) * 0.1
    x[:, :, 0] += scene[:, None] * 3
    x[:, 3:, 1] += rises[:, None]
    labels, lengths = (scene * rises > 0).long().numpy(), torch.full((80,), 6)
    right = {}
    for name in ("halves", "scenes"):
        values = fitted_on(x, lengths, name)(x, lengths).detach().numpy()
        found = ridge.fit(values, labels, [values.shape[1]], classes=2, folds=np.arange(80) // 4 % 5).held_out
        right[name] = (found.argmax(1) == labels).mean()
    assert right["halves"] < 0.75
    assert right["scenes"] == 1


def test_fit_centres_and_gives_every_statistic_the_same_norm() -> None:
    torch.manual_seed(2)
    x, lengths = (
        torch.randn(40, 6, 5) * torch.tensor([1.0, 2.0, 3.0, 0.5, 1.0]) + 4,
        torch.randint(1, 7, (40,)),
    )
    net = MomentsNet(Moments(statistics=("mean", "steps"), lags=(1, 2)), 5)
    raw = net(x, lengths)
    net.fit(lambda: [(x[:15], lengths[:15]), (x[15:], lengths[15:])])
    out = net(x, lengths)
    for got, found in zip(out.split([5, 10], dim=1), raw.split([5, 10], dim=1), strict=True):
        away = (found - found.mean(0)).numpy()
        norm = math.sqrt(np.mean([row @ row for row in away]))
        np.testing.assert_allclose(got.numpy(), away / norm, atol=1e-5)


def test_what_never_changes_becomes_zero_and_absent_videos_teach_nothing() -> None:
    x = torch.ones(3, 4, 2) * torch.tensor([1.0, 2.0, 9.0])[:, None, None]
    net = MomentsNet(Moments(statistics=("mean", "halves")), 2)
    net.fit(lambda: [(x, torch.tensor([4, 4, 0]))])
    out = net(x, torch.tensor([4, 4, 0]))
    torch.testing.assert_close(out[:2, :2], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2))
    assert not out[:, 2:].any()
    assert not out[2].any()


@pytest.mark.parametrize(
    "wrong", [{"statistics": ("mean", "mean")}, {"lags": (1, 1)}, {"statistics": ()}, {"lags": (0,)}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Moments(**wrong)
