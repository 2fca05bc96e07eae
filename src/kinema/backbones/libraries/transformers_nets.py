"""transformers at work: configurations and processors as rows of the catalogue, models built and filled."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import UsageError, WeightsError
from ..spec import InputSpec, Interpolation, Preprocessing
from .catalogue import Row
from .transformers import LIBRARY, not_a_backbone

try:
    import transformers
except ImportError:
    raise UsageError("transformers is not installed; pip install 'kinema[transformers]'") from None

# What it logs about heads that it leaves out is checked here.
logging.getLogger("transformers").setLevel(logging.ERROR)

_INTERPOLATION: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
# The kinds that take clips, and the key that says how many frames they were trained on.
_FRAMES = {
    "videomae": "num_frames",
    "timesformer": "num_frames",
    "vivit": "num_frames",
    "vjepa2": "frames_per_clip",
}
# Those whose positions, or whose arithmetic, know one length alone.
_FIXED = ("videomae", "timesformer", "vivit")
# Two-tower models: the half that sees.
_TOWERS = ("clip", "siglip", "aimv2", "metaclip_2", "chinese_clip")


def configuration(source: Path | Mapping[str, Any]) -> Any:
    """The configuration in a folder, or of plain data; of a two-tower model that of the half that sees.

    Raises `UsageError` where it is of no kind that transformers has itself.
    """
    try:
        if isinstance(source, Path):
            config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False)
        else:
            plain = dict(source)
            config = transformers.AutoConfig.for_model(plain.pop("model_type"), **plain)
    except (ValueError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"transformers has no model for the configuration in {source} ({reason}); "
            "choose one that needs no code of its own, or update transformers"
        ) from None
    return config.vision_config if config.model_type in _TOWERS else config


def row_of(name: str, folder: Path, processor: Path, known: Row | None = None) -> Row:
    """A row of the catalogue from a repository's own files; `known` gives what they do not say."""
    config = configuration(folder)
    prepared = processor_of(config, processor)
    return row(name, config, prepared, known)


def processor_of(config: Any, source: Path | None) -> Any:
    """The processor that a file configures, or with None the one of a kind of model, by its defaults."""
    kind = "AutoVideoProcessor" if config.model_type in _FRAMES else "AutoImageProcessor"
    kinds = [kind, "AutoImageProcessor"]
    for one in dict.fromkeys(kinds):
        try:
            return getattr(transformers, one).from_pretrained(source.parent, trust_remote_code=False)  # type: ignore[union-attr]
        except (ValueError, KeyError, OSError, AttributeError, ImportError):
            continue
    raise not_a_backbone(f"the processor in {source}", "is of no kind that transformers has itself")


def row(name: str, config: Any, processor: Any, known: Row | None = None, **published: Any) -> Row:
    """A row of the catalogue from a configuration and a processor."""
    spec = _input(f"{LIBRARY}/{name}", config, processor)
    dim = getattr(config, "hidden_size", None) or (getattr(config, "hidden_sizes", None) or [None])[-1]
    if not dim:
        raise not_a_backbone(f"{LIBRARY}/{name}", f"({config.model_type}) has no size of its features")
    facts: dict[str, Any] = {
        key: getattr(known, key, None) for key in ("parameters", "gflops", "accuracy")
    } | {
        "measured_on": known.measured_on if known else "",
        "licence": known.licence if known else "see its page on the hub",
        "source": name,
    }
    return Row(name=name, input=spec, dim=int(dim), **(facts | published))


def built(config: Any, name: str) -> nn.Module:
    """The model of a configuration, random values, as a network from pixels to pooled features."""
    return _net(transformers.AutoModel.from_config(config), config, name)


def filled(config: Any, path: Path, name: str) -> nn.Module:
    """The model with the values of the files in a folder. Raises `WeightsError` where they do not fit."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net, info = transformers.AutoModel.from_pretrained(
                path.parent,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                local_files_only=True,
                use_safetensors=path.suffix != ".bin",
            )
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(
            f"weights do not fit {name}: {path}: {reason}; fetch the published files"
        ) from None
    _check_complete(net, info, f"{name}: {path}")
    return _net(net.float(), config, name)


def _check_complete(net: Any, info: Mapping[str, Any], what: str) -> None:
    """Heads and decoders of other tasks may be left over; a pooler that is not used may be missing."""
    missing = sorted(k for k in info["missing_keys"] if not k.startswith("pooler."))
    own = {child for child, _ in net.named_children()}
    prefix = f"{net.base_model_prefix}."
    left = sorted(
        k for k in info["unexpected_keys"] if k.removeprefix(prefix).split(".")[0] in own - {"pooler"}
    )
    wrong = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in (("missing", missing), ("unexpected", left))
        if keys
    ]
    if wrong:
        raise WeightsError(f"weights do not fit {what}: {'; '.join(wrong)}; fetch the published files")


def _net(model: Any, config: Any, name: str) -> nn.Module:
    if any(True for _ in getattr(getattr(model, "pooler", None), "parameters", tuple)()):
        model.pooler = None  # trained for one task or not at all; the tokens below it are the features
    if config.model_type == "vjepa2":
        model.predictor = nn.Identity()  # of masked parts, for training
    return PooledEncoder(model, config.model_type, name)


class PooledEncoder(nn.Module):
    """An encoder of transformers: frames [N, 3, H, W] or clips [N, 3, L, H, W] -> features [N, D].

    Pooled is what the model itself pools without weights of a task; else its class token where it has one;
    else the mean over its tokens.
    """

    def __init__(self, model: Any, kind: str, name: str):
        super().__init__()
        self.model, self._kind, self._name = model, kind, name
        self._class_token = any(key.endswith("cls_token") for key, _ in model.named_parameters())

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 5:
            x = x.transpose(1, 2)  # transformers has time ahead of the channels
        if self._kind == "vjepa2":
            output = self.model(pixel_values_videos=x, skip_predictor=True)
        else:
            output = self.model(pixel_values=x)
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        tokens = getattr(output, "last_hidden_state", None)
        if tokens is None or tokens.ndim not in (3, 4):
            raise not_a_backbone(self._name, "gives no pooled features")
        if tokens.ndim == 4:
            return tokens.mean(dim=(2, 3))
        return tokens[:, 0] if self._class_token else tokens.mean(dim=1)


def _input(name: str, config: Any, processor: Any) -> InputSpec:
    frames = _FRAMES.get(config.model_type)
    if frames is None and getattr(config, "image_size", None) is None and not _sees(config):
        raise not_a_backbone(name, f"({config.model_type}) takes no frames")
    size, how = _preprocessing(name, processor)
    if frames is None:
        return InputSpec("frame", size=size, preprocessing=how)
    tubelet = config.tubelet_size if config.model_type == "vjepa2" else 1
    return InputSpec(
        "clip",
        size=size,
        length=getattr(config, frames),
        fixed=config.model_type in _FIXED,
        least=tubelet,
        multiple=tubelet,
        preprocessing=how,
    )


def _sees(config: Any) -> bool:
    kinds = transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    return config.model_type in kinds


def _preprocessing(name: str, processor: Any) -> tuple[tuple[int, int], Preprocessing]:
    size = _plain(getattr(processor, "size", None))
    crop = (
        _plain(getattr(processor, "crop_size", None)) if getattr(processor, "do_center_crop", False) else None
    )
    if not getattr(processor, "do_resize", True) or not size:
        raise not_a_backbone(name, "has a processor that resizes nothing")
    whole = (size["height"], size["width"]) if "height" in size else None
    resize: int | tuple[int, int] | None = whole or size.get("shortest_edge")
    wanted = (crop["height"], crop["width"]) if crop else whole
    if resize is None or wanted is None:
        raise not_a_backbone(name, f"has a processor that gives no one size ({size})")
    rescale = 255 * (processor.rescale_factor if getattr(processor, "do_rescale", True) else 1.0)
    shift = 1.0 if _is_shifted(processor) else 0.0
    normalise = getattr(processor, "do_normalize", True)
    mean = processor.image_mean if normalise else (0.0, 0.0, 0.0)
    std = processor.image_std if normalise else (1.0, 1.0, 1.0)
    how = Preprocessing(
        resize=resize,
        mean=tuple((float(m) + shift) / rescale for m in mean),
        std=tuple(float(s) / rescale for s in std),
        interpolation=_INTERPOLATION.get(int(getattr(processor, "resample", 2)), "bilinear"),
    )
    return wanted, how


def _plain(size: Any) -> dict[str, int]:
    if size is None:
        return {}
    if isinstance(size, int):
        return {"height": size, "width": size}
    return {key: int(value) for key, value in dict(size).items() if value is not None}


def _is_shifted(processor: Any) -> bool:
    """ViViT's processors subtract 1 after scaling."""
    if "Vivit" not in type(processor).__name__:
        return False
    return bool(getattr(processor, "offset", True)) and getattr(processor, "do_rescale", True)
