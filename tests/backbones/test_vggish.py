"""VGGish: against Keras layers; checkpoints of the published key names and shapes; post-processing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.audio.logmel import FRONT_ENDS, VGGISH
from kinema.backbones.load import load_backbone
from kinema.backbones.vggish import SPEC, build
from kinema.backbones.vggish_net import Quantise, Vggish, load_pca
from kinema.errors import WeightsError
from kinema.weights.files import WeightFile
from kinema.weights.read import fill, read_state

# As in the published file.
CHECKPOINT = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random values under the published names, scaled to keep signals alive through nine ReLUs."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in CHECKPOINT.items():
        inputs = int(np.prod(shape[1:]))
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / inputs) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    path = tmp_path_factory.mktemp("vggish") / "vggish-10086976.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def vggish(checkpoint: Path) -> Vggish:
    net = Vggish().eval().requires_grad_(False)
    fill(net, read_state(checkpoint), "vggish")  # refuses anything missing or left over
    return net


def keras_vggish(state: dict[str, torch.Tensor]) -> object:
    """The original: channels last throughout, so its flattening needs no reordering."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    net = keras.Sequential([keras.Input((96, 64, 1))])
    for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M"):
        if width == "M":
            net.add(layers.MaxPooling2D(2, data_format="channels_last"))
        else:
            net.add(layers.Conv2D(width, 3, padding="same", activation="relu", data_format="channels_last"))
    net.add(layers.Flatten(data_format="channels_last"))
    for width in (4096, 4096, 128):
        net.add(layers.Dense(width, activation="relu"))
    weights = []
    for name in CHECKPOINT:
        weight = state[f"{name}.weight"]
        weights += [weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight.T, state[f"{name}.bias"]]
    net.set_weights([w.numpy() for w in weights])
    return net


def test_agrees_with_keras_given_the_same_weights(vggish: Vggish, checkpoint: Path) -> None:
    net = keras_vggish(read_state(checkpoint))
    x = torch.randn(2, 96, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = vggish(x).numpy(), net(x[..., None].numpy()).detach().cpu().numpy()  # type: ignore[operator]
    assert ours.std() > 0.1
    assert ours.min() == 0.0
    # Of the largest feature: processors add up the 12,288 products of a layer in different orders.
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * theirs.max())


def test_size_shape_and_dtype(vggish: Vggish) -> None:
    assert sum(p.numel() for p in vggish.parameters()) == 72_141_184
    features = vggish(torch.zeros(3, 96, 64))
    assert features.shape == (3, SPEC.features["embedding"])
    assert features.dtype == torch.float32
    assert FRONT_ENDS[SPEC.name] is VGGISH


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_pca_file(tmp_path: Path, legacy: bool, dtype: str, kind: str) -> None:
    """The published file holds NumPy arrays: read without unpickling anything else."""
    rng = np.random.default_rng(0)
    arrays = {"pca_eigen_vectors": rng.normal(size=(128, 128)), "pca_means": rng.normal(size=(128, 1))}
    arrays = {name: value.astype(dtype) for name, value in arrays.items()}
    as_kind = torch.from_numpy if kind == "torch" else np.asarray
    torch.save(
        {name: as_kind(value) for name, value in arrays.items()},
        tmp_path / "pca.pth",
        _use_new_zipfile_serialization=not legacy,
    )
    pca = load_pca(tmp_path / "pca.pth")
    np.testing.assert_array_equal(pca["components"].numpy(), arrays["pca_eigen_vectors"].astype(np.float32))
    np.testing.assert_array_equal(pca["means"].numpy(), arrays["pca_means"][:, 0].astype(np.float32))


def test_pca_values_by_hand() -> None:
    quantise = Quantise()
    quantise.components.zero_()  # out0 = x1 - 0.5, out1 = -x0
    quantise.components[0, 1], quantise.components[1, 0], quantise.means[1] = 1.0, -1.0, 0.5
    features = torch.zeros(3, 128)
    features[:, :2] = torch.tensor([[2.0, 2.5], [0.5, 0.5], [-9.0, -9.0]])
    quantised = quantise(features)
    assert quantised[:, :2].tolist() == [[255, 0], [128, 96], [0, 255]]
    assert (quantised[:, 2:] == 128).all()  # zero lies at 127.5


def test_quantised_features_take_a_second_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the published key names and shapes; the digests of the published values are set aside."""
    first, second = SPEC.weights["audioset"][0], SPEC.second_files["quantised"]
    monkeypatch.setattr(WeightFile, "digest_of", lambda self, name: None)
    torch.manual_seed(0)
    plain = build()
    torch.save(plain.state_dict(), tmp_path / first.files[0])
    options = {"weights": "audioset", "folder": tmp_path, "download": False}
    with pytest.raises(WeightsError, match="vggish_pca_params-970ea276"):
        load_backbone("vggish", features="quantised", **options)
    components, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(128, 128)))
    means = np.full((128, 1), 0.01)
    torch.save({"pca_eigen_vectors": components, "pca_means": means}, tmp_path / second.files[0])
    loaded = load_backbone("vggish", features="quantised", **options)
    x = torch.randn(5, 96, 64)
    with torch.no_grad():
        found, features = loaded.module(x).numpy(), plain.eval()(x).double().numpy()
    expected = np.clip((features - means[:, 0]) @ components.T, -2, 2)
    np.testing.assert_allclose(found, (expected + 2) * 255 / 4, atol=0.51)
    assert found.std() > 0
    np.testing.assert_array_equal(found, np.rint(found))
    assert loaded.digest != load_backbone("vggish", **options).digest


def test_a_pca_file_with_code_or_of_another_shape_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    torch.save({"pca_eigen_vectors": Evil(), "pca_means": np.zeros(128)}, tmp_path / "evil.pth")
    torch.save({"pca_eigen_vectors": np.eye(3), "pca_means": np.zeros(3)}, tmp_path / "small.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("evil", "small", "text", "absent"):
        with pytest.raises(WeightsError, match="put the published file there"):
            load_pca(tmp_path / f"{name}.pth")
    assert not (tmp_path / "executed").exists()
