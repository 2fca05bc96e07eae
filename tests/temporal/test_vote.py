"""The majority vote on cases with known answers."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.temporal.vote import frame_tags, vote


def test_most_frequent_tag_beats_the_highest_score() -> None:
    scores = torch.tensor([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 1.0, 0.0]])
    assert scores.mean(0).argmax() == 1
    assert vote(scores).argmax() == 0
    # votes 2, 1, 0; mean scores 0.4, 0.6, 0; (v + s / 2) / 3.5
    torch.testing.assert_close(vote(scores), torch.tensor([2.2, 1.3, 0.0]) / 3.5)


def test_tie_goes_to_the_higher_mean_score() -> None:
    scores = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    assert vote(scores).argmax() == 1
    assert vote(scores.flip(0)).argmax() == 1


def test_a_third_class_cannot_win_a_tie_without_votes() -> None:
    scores = torch.tensor([[0.5, 0.02, 0.48], [0.02, 0.5, 0.48]])
    assert scores.mean(0).argmax() == 2
    assert vote(scores).argmax() in (0, 1)


def test_one_frame_is_its_own_vote_and_scores_sum_to_one() -> None:
    scores = torch.tensor([[0.1, 0.7, 0.2]])
    assert vote(scores).argsort(descending=True).tolist() == [1, 2, 0]
    assert vote(scores).sum() == pytest.approx(1.0)


def test_lengths_hide_the_padding() -> None:
    scores = torch.tensor([[[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]]).repeat(3, 1, 1)
    result = vote(scores, torch.tensor([3, 1, 0]))
    assert result[0].argmax() == 1
    assert result[1].argmax() == 0
    assert result[2].tolist() == [0.0, 0.0]
    assert frame_tags(scores, torch.tensor([3, 1, 0])).tolist() == [[0, 1, 1], [0, -1, -1], [-1, -1, -1]]
    assert vote(torch.zeros(2, 0, 4)).shape == (2, 4)


def test_near_tie_survives_float32() -> None:
    scores = torch.full((1000, 2), 0.5)
    scores[:500, 0] += 1e-3
    scores[500:, 1] += 1e-3 + 1e-6  # as many votes, a mean score higher by 5e-7
    assert vote(scores).argmax() == 1


@given(st.data())
def test_agrees_with_counting(data: st.DataObject) -> None:
    classes, steps = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 7))
    raw = data.draw(
        st.lists(
            st.lists(st.integers(0, 8), min_size=classes, max_size=classes), min_size=steps, max_size=steps
        )
    )
    scores = torch.tensor(raw, dtype=torch.float64) / 8
    tags = Counter(max(range(classes), key=lambda c: (row[c], -c)) for row in raw)
    totals = [sum(row[c] for row in raw) for c in range(classes)]
    expected = max(range(classes), key=lambda c: (tags[c], totals[c], -c))
    assert vote(scores).argmax().item() == expected
