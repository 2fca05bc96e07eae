"""A tag for every step: the video's answer is the most frequent one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from kinema.errors import UsageError
from kinema.inference.predictor import SequencePredictor
from kinema.model.build import build_recognizer
from kinema.recipe import load_recipe
from kinema.types import FeatureSequence

LABELS = ("a", "b", "c")


def predictor(name: str, *overrides: str) -> SequencePredictor:
    recipe = load_recipe(name, ["temporal.units=4", "data.classes=3", *overrides])
    torch.manual_seed(0)
    return SequencePredictor(LABELS, build_recognizer(recipe, {"rgb": 6}, 3).eval())


def features(seed: int, steps: int) -> dict[str, FeatureSequence]:
    data = np.random.default_rng(seed).normal(scale=20, size=(steps, 6)).astype(np.float32)
    return {"rgb": FeatureSequence(data, np.arange(steps) / 4)}


@pytest.mark.parametrize("seed", range(5))
def test_the_most_frequent_tag_is_the_videos_answer(seed: int) -> None:
    corehar, given = predictor("corehar", "encoder.layers=[5]"), features(seed, 9)
    found = corehar.tags(given)
    assert [seconds for seconds, _ in found] == [i / 4 for i in range(9)]
    (first, most), *others = Counter(label for _, label in found).most_common()
    if not others or others[0][1] < most:
        assert corehar.predict(given).label == first


def test_a_recipe_that_scores_whole_videos_has_none() -> None:
    with pytest.raises(UsageError, match="scores whole videos, not frames"):
        predictor("vgg16-lstm").tags(features(0, 3))
