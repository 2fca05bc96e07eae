"""YAMNet: against Keras layers, with its real weights on real sound."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.audio.logmel import FRONT_ENDS, YAMNET
from kinema.backbones.load import load_backbone
from kinema.backbones.yamnet import SPEC
from kinema.backbones.yamnet_net import Yamnet
from kinema.weights.read import read_state
from support.whole_sound import sound_examples, sound_of

FILE = "yamnet_audioset.safetensors"
# The 521 classes that YAMNet scores, in its order: names from the AudioSet ontology (CC BY 4.0).
CLASS_NAMES = Path(__file__).with_name("yamnet_classes.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def yamnet(shared_data: Path) -> Yamnet:
    module = load_backbone("yamnet", weights="audioset", folder=shared_data / "weights").module
    assert isinstance(module, Yamnet)
    return module


def keras_yamnet(state: dict[str, torch.Tensor], blocks: list[list[int]]) -> object:
    """The architecture from the published table in Keras layers; `same` padding is Keras's own."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    net = keras.Sequential([keras.Input((96, 64, 1))])
    weights = []
    for name, stride in [("stem.conv", 2)] + [(f"blocks.{i}", s) for i, (s, _) in enumerate(blocks)]:
        if name == "stem.conv":
            net.add(layers.Conv2D(32, 3, stride, padding="same"))
            weights += [state[f"{name}.weight"].permute(2, 3, 1, 0), state[f"{name}.bias"]]
        else:
            net.add(layers.DepthwiseConv2D(3, stride, padding="same"))
            weights += [
                state[f"{name}.depthwise.weight"].permute(2, 3, 0, 1),
                state[f"{name}.depthwise.bias"],
            ]
            net.add(layers.ReLU(max_value=6.0))
            pointwise = state[f"{name}.pointwise.weight"]
            net.add(layers.Conv2D(len(pointwise), 1))
            weights += [pointwise.permute(2, 3, 1, 0), state[f"{name}.pointwise.bias"]]
        net.add(layers.ReLU(max_value=6.0))
    net.add(layers.GlobalAveragePooling2D())
    net.add(layers.Dense(521, activation="sigmoid"))
    weights += [state["classifier.weight"].T, state["classifier.bias"]]
    net.set_weights([w.numpy() for w in weights])
    return net


def test_scores_agree_with_keras_given_the_same_weights(yamnet: Yamnet, shared_data: Path) -> None:
    folder = shared_data / "weights"
    facts = json.loads((folder / "yamnet_audioset.json").read_text())
    net = keras_yamnet(read_state(folder / FILE), facts["blocks_stride_outch"])
    x = torch.randn(3, 96, 64, generator=torch.Generator().manual_seed(0)) * 1.5 - 3
    with torch.no_grad():
        ours = yamnet.scores(x).numpy()
        theirs = net(x[..., None].numpy()).detach().cpu().numpy()  # type: ignore[operator]
    assert ours.std() > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_checkpoint_fits_exactly(shared_data: Path) -> None:
    state = Yamnet().converted(read_state(shared_data / "weights" / FILE))
    assert Yamnet().load_state_dict(state, strict=True)
    assert sum(value.numel() for value in state.values()) == sum(
        value.numel() for value in Yamnet().state_dict().values()
    )


def test_class_names_are_those_published_with_the_weights(shared_data: Path) -> None:
    facts = json.loads((shared_data / "weights" / "yamnet_audioset.json").read_text())
    assert list(CLASS_NAMES) == facts["labels"]


def test_shapes_and_frozen_classifier() -> None:
    net = Yamnet().eval()
    x = torch.zeros(2, 96, 64)
    assert net(x).shape == (2, SPEC.features["pool"])
    assert net(x).dtype == torch.float32
    assert net.scores(x).shape == (2, 521)
    assert FRONT_ENDS[SPEC.name] is YAMNET
    assert len(net.unfreeze(1)) == 4  # depthwise and pointwise of the last block; no classifier


def best_names(yamnet: Yamnet, folder: Path, top: int = 3) -> list[set[str]]:
    """The names with the best scores of every clip that is not silent."""
    clips = sorted(folder.glob("*.avi"))[::4]
    tracks = [[e for _, e in sound_examples(sound_of(clip), YAMNET)] for clip in clips]
    tracks = [examples for examples in tracks if examples]
    assert len(tracks) >= 10
    with torch.no_grad():
        scores = [yamnet.scores(torch.from_numpy(np.stack(t))).mean(dim=0) for t in tracks]
    return [{CLASS_NAMES[i] for i in row.topk(top).indices} for row in scores]


def share(clips: list[set[str]], wanted: set[str]) -> float:
    """Part of the clips of which a wanted name is among the best scores."""
    return float(np.mean([bool(names & wanted) for names in clips]))


def test_real_sound_gets_sensible_names(yamnet: Yamnet, ucf_clips: Path) -> None:
    """What comes: music over surfing, bouncing balls in the gym, animals and the open air at the archers'."""
    videos = ucf_clips / "videos"
    surfing, basketball, archery = (
        best_names(yamnet, videos / name) for name in ("Surfing", "BasketballDunk", "Archery")
    )
    assert share(surfing, {"Music"}) > 0.9
    balls, outdoors = {"Basketball bounce"}, {"Outside, rural or natural", "Animal", "Bird", "Wild animals"}
    assert share(basketball, balls) > 0.25
    assert share(surfing, balls) == share(archery, balls) == 0.0
    assert share(archery, outdoors) > 0.35
    assert share(surfing, outdoors) < 0.1
