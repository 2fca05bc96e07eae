"""What separates the classes of the synthetic set, and what must not."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.datasets.synthetic import CLASSES, ClipSettings, SyntheticClip
from kinema.datasets.synthetic.sound import SAMPLE_RATE

SMALL = ClipSettings(seconds=1.6, fps=10, width=64, height=48)
ORDER = sorted(name for name, c in CLASSES.items() if c.subset == "order")
SOUND = sorted(name for name, c in CLASSES.items() if c.subset == "sound")


def _frames(label: str, actor: int = 1, clip: int = 1, settings: ClipSettings = SMALL) -> np.ndarray:
    return np.stack(list(SyntheticClip(label, actor, clip, settings).frames()))


def test_table_pairs_are_mutual() -> None:
    assert {c.subset for c in CLASSES.values()} == {"visual", "order", "sound", "tempo"}
    for name, c in CLASSES.items():
        assert (c.partner is None) == (c.subset in ("visual", "tempo"))
        if c.partner is not None:
            partner = CLASSES[c.partner]
            assert partner.partner == name
            assert (partner.subset, partner.action) == (c.subset, c.action)
            assert (c.subset == "order") == (partner.backwards != c.backwards)
            assert (c.subset == "sound") == (partner.strike != c.strike)


@pytest.mark.parametrize("label", ORDER)
def test_order_partner_is_the_clip_played_backwards(label: str) -> None:
    partner = CLASSES[label].partner
    assert partner is not None
    np.testing.assert_array_equal(_frames(label, 2), _frames(partner, 2)[::-1])
    np.testing.assert_array_equal(*(SyntheticClip(n, 2, 1, SMALL).sound() for n in (label, partner)))


def test_no_single_frame_tells_the_direction_of_arm_circles() -> None:
    """The phase at the first frame and at the last are both spread over the whole turn."""
    clips = [SyntheticClip("arm_circles_forward", a, k, SMALL) for a in range(1, 41) for k in (1, 2)]
    for index in (0, -1):
        turns = np.exp(2j * np.pi * np.array([c._phase[index] for c in clips]))
        assert abs(turns.mean()) < 0.25  # 80 uniform phases: 0.11 expected, 0.25 has p = 0.007


def test_sitting_goes_one_way_within_the_clip() -> None:
    for actor in range(1, 9):
        phase = SyntheticClip("sit_down", actor, 1, SMALL)._phase
        assert (phase[0], phase[-1]) == (0.0, 1.0)
        assert (np.diff(phase) >= 0).all()


def test_sound_partners_show_the_very_same_pictures() -> None:
    bell, drum = (_frames(label) for label in SOUND)
    np.testing.assert_array_equal(bell, drum)


@pytest.mark.parametrize("actor", [1, 5])
def test_bell_and_drum_sound_different(actor: int) -> None:
    """Above a kilohertz there is bell, below half of one there is drum."""
    high = {}
    for label in SOUND:
        track = SyntheticClip(label, actor, 1, ClipSettings()).sound()
        power = np.abs(np.fft.rfft(track)) ** 2
        frequency = np.fft.rfftfreq(len(track), 1 / SAMPLE_RATE)
        high[label] = power[frequency > 1000].sum() / power[frequency > 100].sum()
    assert high["strike_bell"] > 0.8
    assert high["strike_drum"] < 0.2


def test_strikes_are_heard_when_the_mallet_is_down() -> None:
    clip = SyntheticClip("strike_drum", 1, 1, ClipSettings(seconds=3.0))
    assert len(clip.strike_seconds) in (2, 3, 4, 5)
    track = np.abs(clip.sound())
    for seconds in clip.strike_seconds:
        start = round(seconds * SAMPLE_RATE)
        assert track[start : start + 1600].max() > 3 * track[max(start - 800, 0) : start - 80].max()
        depth = clip._phase[round(seconds * 25)] % 1.0
        assert depth < clip._phase[1] - clip._phase[0] + 1e-9  # just past a whole turn


@pytest.mark.parametrize("label", sorted(set(CLASSES) - set(SOUND)))
def test_other_classes_have_room_tone_only(label: str) -> None:
    track = SyntheticClip(label, 1, 1, SMALL).sound()
    assert track.dtype == np.float32
    assert len(track) == 1.6 * SAMPLE_RATE
    assert 0.003 < track.std() < 0.05
    assert np.abs(track).max() < 0.2


def test_a_clip_depends_on_its_own_keys_only() -> None:
    np.testing.assert_array_equal(_frames("boxing"), _frames("boxing"))
    for other in (
        _frames("boxing", actor=2),
        _frames("boxing", clip=2),
        _frames("boxing", settings=ClipSettings(seconds=1.6, fps=10, width=64, height=48, seed=1)),
    ):
        assert (_frames("boxing") != other).mean() > 0.5


def test_place_and_camera_do_not_depend_on_the_class() -> None:
    """Above the heads of two classes that stay in place there is the same wall, but for sensor noise."""
    walls = [
        _frames(label)[:, :4, :8].astype(float).mean(axis=0) for label in ("boxing", "clapping", "squatting")
    ]
    for wall in walls[1:]:
        assert np.abs(wall - walls[0]).mean() < 3.0


def test_actors_differ_in_looks_and_keep_them() -> None:
    looks = {SyntheticClip("walking", actor, 1, SMALL)._stage.look for actor in range(1, 13)}
    assert len(looks) == 12
    assert (
        SyntheticClip("walking", 3, 1, SMALL)._stage.look == SyntheticClip("kicking", 3, 2, SMALL)._stage.look
    )


@pytest.mark.parametrize("label", sorted(name for name, c in CLASSES.items() if c.can_be_brief))
def test_brief_action_moves_in_its_stretch_only(label: str) -> None:
    settings = ClipSettings(seconds=10.0, fps=10, width=64, height=48, brief=0.1)
    clip = SyntheticClip(label, 1, 1, settings)
    acting = np.flatnonzero(clip._activity > 0)
    assert 8 <= len(acting) <= 10
    assert (np.diff(acting) == 1).all()
    frames = np.stack([clip.frame(i) for i in range(100)]).astype(float)
    still = clip._activity == 0
    if CLASSES[label].backwards:
        still = still[::-1]
    rest = frames[still].mean(axis=0)
    moved = np.abs(frames - rest).mean(axis=(1, 2, 3))
    assert moved[~still].max() > 1.3 * moved[still].max()


def test_brief_classes_rest_alike() -> None:
    """Outside its stretch a brief clip says nothing of its class."""
    settings = ClipSettings(seconds=10.0, fps=10, width=64, height=48, brief=0.1)
    rests = []
    for label in ("boxing", "waving", "squatting", "arm_circles_forward"):
        clip = SyntheticClip(label, 1, 1, settings)
        still = np.flatnonzero(clip._activity == 0)
        rests.append(np.mean([clip.frame(int(i)) for i in still], axis=0))
    for rest in rests[1:]:
        assert np.abs(rest - rests[0]).mean() < 1.5


def test_frames_are_ordinary_pictures() -> None:
    clip = SyntheticClip("running", 1, 1, SMALL)
    frame = clip.frame(0)
    assert frame.dtype == np.uint8
    assert frame.shape == (48, 64, 3)
    assert frame.std() > 15
    with pytest.raises(IndexError, match="frame 16 of a clip of 16"):
        clip.frame(16)
