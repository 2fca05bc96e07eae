"""Encoders of transformers, published files and all, against transformers' own models on the same input."""

from __future__ import annotations

import json

import pytest
import torch

from kinema.backbones.libraries.catalogue import catalogue
from kinema.backbones.load import load_backbone
from kinema.backbones.table import _library_entry, backbone_spec
from kinema.errors import UsageError, WeightsError
from support.hub import point_client_to, serving

transformers = pytest.importorskip("transformers", reason="pip install 'kinema[transformers]'")

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "patch_size": 8,
}
SIDE = 32
RESIZED = {
    "size": {"shortest_edge": 40},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
}
SQUARE = {"height": SIDE, "width": SIDE}
PREDICTOR = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
TEXT = {k: v for k, v in SMALL.items() if k != "patch_size"} | {"vocab_size": 40}
HALF = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "resample": 3, "rescale_factor": 1 / 255}

# kind: (configuration, processor, published class, frames of a clip, steps in a batch, how it pools)
KINDS = {
    "videomae": (
        SMALL | {"image_size": SIDE, "num_frames": 4, "use_mean_pooling": False},
        {"image_processor_type": "VideoMAEImageProcessor", **RESIZED, **HALF},
        "VideoMAEForPreTraining", 4, 2, "mean",
    ),
    "timesformer": (
        SMALL | {"image_size": SIDE, "num_frames": 8},
        {"image_processor_type": "VideoMAEImageProcessor", **RESIZED, **HALF},
        "TimesformerForVideoClassification", 8, 3, "first",
    ),
    "vivit": (
        SMALL | {"image_size": SIDE, "num_frames": 6, "tubelet_size": [2, 8, 8]},
        {"image_processor_type": "VivitImageProcessor", **RESIZED, **HALF, "offset": True},
        "VivitForVideoClassification", 6, 1, "first",
    ),
    "vjepa2": (
        SMALL | {"hidden_size": 36, "crop_size": SIDE, "frames_per_clip": 8, "mlp_ratio": 2.0} | PREDICTOR,
        {"video_processor_type": "VJEPA2VideoProcessor", **HALF, "crop_size": SQUARE},
        "VJEPA2Model", 6, 2, "mean",
    ),
    "dinov2": (
        SMALL | {"image_size": SIDE},
        {"image_processor_type": "BitImageProcessor", **RESIZED, **HALF},
        "Dinov2Model", None, 3, "pooler",
    ),
    "vit": (
        SMALL | {"image_size": SIDE},
        {"image_processor_type": "ViTImageProcessor", "size": {"height": SIDE, "width": SIDE}, **HALF},
        "ViTForImageClassification", None, 2, "first",
    ),
    "siglip": (
        {"vision_config": SMALL | {"image_size": SIDE}, "text_config": TEXT},
        {"image_processor_type": "SiglipImageProcessor", "size": {"height": SIDE, "width": SIDE}, **HALF},
        "SiglipModel", None, 3, "pooler",
    ),
}  # fmt: skip


def published(kind: str, folder):
    """A small model of a kind as its authors would publish it: files by name, and the model."""
    plain, processor, name, *_ = KINDS[kind]
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **plain)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # positions start at zero, and would hide their order
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return {file.name: file.read_bytes() for file in folder.iterdir()}, model


@pytest.fixture
def hub(monkeypatch, tmp_path):
    files: dict[str, dict[str, bytes] | str] = {}
    _library_entry.cache_clear()
    with serving(files) as (address, asked):
        point_client_to(monkeypatch, address, tmp_path / "cache")
        yield files, asked
    _library_entry.cache_clear()


def encoder(model):
    """The part below what a task has on top."""
    base = getattr(model, model.base_model_prefix, model)
    return model.vision_model if hasattr(model, "vision_model") else base


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_its_own_tokens_pooled(kind, hub, tmp_path):
    _, _, _, length, count, pool = KINDS[kind]
    hub[0][f"org/{kind}"], model = published(kind, tmp_path / kind)
    loaded = load_backbone(f"transformers/org/{kind}", weights="published")
    x = torch.randint(0, 256, (count, *((length,) if length else ()), SIDE, SIDE, 3), dtype=torch.uint8)
    # The processor's own arithmetic, on frames that already have its size.
    load = transformers.AutoVideoProcessor if kind == "vjepa2" else transformers.AutoImageProcessor
    processor = load.from_pretrained(tmp_path / kind)
    frames = list(x.flatten(0, -4).permute(0, 3, 1, 2))
    options = {"do_resize": False, "do_center_crop": False, "return_tensors": "pt"}
    if kind == "vjepa2":
        pixels = processor([clip.permute(0, 3, 1, 2) for clip in x], **options)["pixel_values_videos"]
        given = {"pixel_values_videos": pixels, "skip_predictor": True}
    else:
        images = (
            [[f.numpy() for f in frames[i * length : (i + 1) * length]] for i in range(count)]
            if length
            else frames
        )
        given = {"pixel_values": processor(images, **options)["pixel_values"]}
    with torch.inference_mode():
        features = loaded.module(x)
        output = encoder(model)(**given)
    tokens = output.last_hidden_state
    expected = {"mean": tokens.mean(1), "first": tokens[:, 0], "pooler": output.get("pooler_output")}[pool]
    assert features.shape == (count, loaded.dim)
    assert expected.std() > 1e-2
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)
    spec = loaded.spec.input
    assert (spec.kind, spec.size) == ("clip" if length else "frame", (SIDE, SIDE))
    assert spec.preprocessing.resize == (
        40 if "shortest_edge" in processor.size and kind != "vjepa2" else spec.preprocessing.resize
    )
    again = load_backbone(f"transformers/org/{kind}", weights="published", download=False)
    assert again.digest == loaded.digest


def test_lengths_that_a_model_takes(hub, tmp_path):
    for kind in ("videomae", "timesformer", "vjepa2"):
        hub[0][f"org/{kind}"], _ = published(kind, tmp_path / kind)
    taken = {
        k: [n for n in range(1, 10) if backbone_spec(f"transformers/org/{k}").input.takes(n)]
        for k in hub[0]
        for k in [k[4:]]
    }
    assert taken == {"videomae": [4], "timesformer": [8], "vjepa2": [2, 4, 6, 8]}


@pytest.mark.parametrize(("drop", "add"), [("layernorm.weight", None), (None, "encoder.layer.9.x")])
def test_files_that_do_not_fit_are_refused(drop, add, hub, tmp_path):
    from safetensors.torch import load, save

    files, _ = published("vjepa2", tmp_path / "x")
    state = load(files["model.safetensors"])
    if drop:
        state.pop(next(k for k in state if k.startswith("encoder") and k.endswith(drop)))
    else:
        state[add] = torch.zeros(2)
    hub[0]["org/x"] = files | {"model.safetensors": save(state, metadata={"format": "pt"})}
    with pytest.raises(
        WeightsError, match=r"weights do not fit transformers/org/x: .*fetch the published files"
    ):
        load_backbone("transformers/org/x", weights="published")


def test_what_is_no_encoder_of_pictures_is_refused(hub, tmp_path):
    text = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    hub[0]["org/text"] = {"config.json": text.to_json_string().encode(), "preprocessor_config.json": b"{}"}
    hub[0]["org/code"] = {
        "config.json": json.dumps({"model_type": "mine", "auto_map": {"AutoModel": "code.Model"}}).encode(),
        "preprocessor_config.json": b"{}",
        "code.py": b"raise SystemExit('this must never run')",
    }
    with pytest.raises(UsageError, match=r"choose a video or image encoder"):
        backbone_spec("transformers/org/text")
    with pytest.raises(UsageError, match="choose one that needs no code of its own, or update transformers"):
        backbone_spec("transformers/org/code")
    assert not any("code.py" in line for line in hub[1])


def test_known_models_need_no_network(hub):
    for name, row in catalogue("transformers").items():
        assert backbone_spec(f"transformers/{name}").input == row.input
    assert hub[1] == []


def test_unknown_and_closed_models(hub):
    hub[0]["org/closed"] = "gated"
    with pytest.raises(WeightsError, match="accept their terms"):
        backbone_spec("transformers/org/closed")
    with pytest.raises(WeightsError, match="no such repository"):
        backbone_spec("transformers/org/gone")
    with pytest.raises(WeightsError, match=r"did you mean 'transformers/MCG-NJU/videomae-base'\?"):
        backbone_spec("transformers/MCG-NJU/videomae-bse")
    with pytest.raises(UsageError, match="ORGANISATION/NAME"):
        backbone_spec("transformers/videomae-base")
