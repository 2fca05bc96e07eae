"""Write the catalogues of src/kinema/backbones/catalogue from the libraries that are installed here.

    python bench/_catalogue.py kinema         # parameters and GFLOPs of Kinema's own table
    python bench/_catalogue.py torchvision
    python bench/_catalogue.py transformers    # the models of transformers.json, which is written by hand
    python bench/_catalogue.py timm RESULTS    # `results` of timm's repository: accuracy and GMACs

timm takes ten minutes: every architecture is built once, on torch's device without memory, to count it.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kinema.backbones.libraries.catalogue import COLUMNS, Row, written
from kinema.backbones.spec import InputSpec, Preprocessing

FOLDER = Path(__file__).parent.parent / "src" / "kinema" / "backbones" / "catalogue"
KINETICS = "BSD-3-Clause (torchvision); trained on Kinetics-400"
IMAGENET = "BSD-3-Clause (torchvision); trained on ImageNet-1k, whose terms are for research"
SWAG = "CC-BY-NC-4.0 (SWAG, by Meta); not for commercial use"
# Frames of a clip: those that the published accuracy was measured with.
LENGTH = 16
SWIN3D_LENGTH = 32
PROCESSOR = "preprocessor_config.json"
# As the authors, or the libraries that the values come from, publish it.
OWN_ACCURACY = {
    "vgg16": (71.59, "ImageNet-1k"),
    "googlenet": (69.78, "ImageNet-1k"),
    "resnet152": (78.31, "ImageNet-1k"),
    "inception_resnet_v2": (80.46, "ImageNet-1k"),
    "i3d_rgb": (71.1, "Kinetics-400"),
    "i3d_flow": (63.4, "Kinetics-400"),
}
# Of the papers' recipes, where the specification prefers no length.
LENGTHS = {"i3d_rgb": 20, "i3d_flow": 20, "small_flow_cnn": 10, "motion_cnn": 10}


def torchvision_rows() -> Iterator[Row]:
    from torchvision import models

    for module, kind in ((models.video, "clip"), (models, "frame")):
        for name in models.list_models(module=module):
            weights = models.get_model_weights(name)
            for one in weights:
                if one.name != "IMAGENET1K_FEATURES":  # a start for detection, without a classifier
                    yield _torchvision_row(name, one, kind, one is weights.DEFAULT)


def _torchvision_row(name: str, weights: Any, kind: Any, best: bool) -> Row:
    transforms = weights.transforms()
    crop, resize = transforms.crop_size, transforms.resize_size
    size = (crop[0], crop[-1])
    image = {"image_size": size[0]} if name.startswith("vit_") else {}
    fixed = name.startswith("mvit")
    length = None
    if kind == "clip":
        length = SWIN3D_LENGTH if name.startswith("swin3d") else LENGTH
    spec = InputSpec(
        kind,
        size=size,
        length=length,
        fixed=fixed,
        least=14 if name == "s3d" else 1,
        preprocessing=Preprocessing(
            resize=resize[0] if len(resize) == 1 else tuple(resize),
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
            interpolation=transforms.interpolation.value,
            antialias=kind == "frame",  # its video transforms do without
        ),
    )
    dim, parameters = _counted(name, tuple(image.items()), (1, 3, *((length,) if length else ()), *size))
    ((measured, metrics),) = weights.meta["_metrics"].items()
    licence = SWAG if "SWAG" in weights.name else KINETICS if kind == "clip" else IMAGENET
    return Row(
        name if best else f"{name}.{weights.name}",
        spec,
        dim,
        parameters,
        weights.meta["_ops"],
        metrics["acc@1"],
        measured,
        licence,
        weights.url,
    )


@cache
def _counted(name: str, image: tuple[tuple[str, int], ...], shape: tuple[int, ...]) -> tuple[int, int]:
    """Feature dimension and parameters of a model of torchvision's without its classifier."""
    from torchvision import models

    from kinema.backbones.libraries.torchvision_nets import without_classifier

    options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with _no_values(), torch.no_grad():  # RegNet computes its widths with tensors: no meta device there
        net = without_classifier(models.get_model(name, weights=None, **dict(image), **options), name)
        dim = net.eval().to("meta")(torch.zeros(shape, device="meta")).shape[1]
    return dim, sum(p.numel() for p in net.parameters())


@contextmanager
def _no_values() -> Iterator[None]:
    """Parameters are reserved and not filled: a network of any size takes no time."""
    fillers = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    with ExitStack() as stack:
        for name in fillers:
            stack.enter_context(mock.patch.object(nn.init, name, lambda tensor, *_, **__: tensor))
        yield


def timm_rows(results: Path) -> Iterator[Row]:
    import timm

    from kinema.backbones.libraries import timm_nets

    accuracy = {r["model"]: float(r["top1"]) for r in _read(results / "results-imagenet.csv")}
    gmacs = _gmacs(results)
    counted: dict[Any, tuple[int, int]] = {}
    for name in timm.list_models(pretrained=True):
        config = timm.get_pretrained_cfg(name)
        architecture = name.partition(".")[0]
        key = (architecture, config.input_size if config.fixed_input_size else None)
        if key not in counted:
            with torch.device("meta"):
                net: Any = timm_nets.create(name, num_classes=0)
            dim = int(getattr(net, "head_hidden_size", None) or net.num_features)
            counted[key] = dim, sum(p.numel() for p in net.parameters())
        flops = gmacs.get((architecture, config.input_size[-1]))
        yield timm_nets.row(name, config, *counted[key], flops, accuracy.get(name))


def _gmacs(results: Path) -> dict[tuple[str, int], float]:
    """10^9 multiplications by architecture and size; of several measurements the newest."""
    found = {}
    for file in sorted(results.glob("benchmark-infer-*.csv")):
        for row in _read(file):
            if row.get("infer_gmacs"):
                key = (row["model"].partition(".")[0], int(float(row["infer_img_size"])))
                found[key] = float(row["infer_gmacs"].replace(",", ""))
    return found


def transformers_rows() -> Iterator[Row]:
    from kinema.backbones.libraries import transformers_nets
    from kinema.backbones.libraries.transformers import known_models

    for name, known in known_models().items():
        with tempfile.TemporaryDirectory() as folder:
            for file, plain in (("config.json", known["config"]), (PROCESSOR, known["processor"])):
                Path(folder, file).write_text(json.dumps(plain), encoding="utf-8")
            config = transformers_nets.configuration(Path(folder))
            processor = transformers_nets.processor_of(config, Path(folder, PROCESSOR))
        row = transformers_nets.row(name, config, processor)
        with torch.device("meta"), torch.no_grad():
            net = transformers_nets.built(config, name).eval()
            length = (row.input.length,) if row.input.length else ()
            with FlopCounterMode(display=False) as counter:
                net(torch.zeros(1, 3, *length, *(row.input.size or ())))
        facts = {key: known.get(key) for key in ("accuracy", "measured_on", "licence")}
        yield transformers_nets.row(
            name,
            config,
            processor,
            parameters=sum(p.numel() for p in net.parameters()),
            gflops=round(counter.get_total_flops() / 2e9, 2),
            **(facts | {"measured_on": facts["measured_on"] or ""}),
        )


def kinema_rows() -> Iterator[dict[str, Any]]:
    """Of the backbones of Kinema's own table: what the specifications do not say."""
    from kinema.backbones.random_init import synthetic_batch
    from kinema.backbones.table import BACKBONES, backbone_module

    for name in BACKBONES:
        entry = backbone_module(name)
        net = entry.build(None)
        step = synthetic_batch(
            replace(entry.SPEC.input, length=entry.SPEC.input.length or LENGTHS.get(name))
        )[:1]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net.eval()(step)
        yield {
            "name": name,
            "parameters": sum(p.numel() for p in net.parameters()),
            "gflops": f"{counter.get_total_flops() / 2e9:.3g}",
            "accuracy": OWN_ACCURACY.get(name, ("", ""))[0],
            "measured_on": OWN_ACCURACY.get(name, ("", ""))[1],
        }


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=["kinema", "timm", "torchvision", "transformers"])
    parser.add_argument("results", nargs="?", type=Path)
    options = parser.parse_args()
    if options.library == "timm" and options.results is None:
        sys.exit("give the folder `results` of timm's repository, for accuracy and GMACs")
    warnings.simplefilter("ignore")
    if options.library == "kinema":
        _write("kinema", ("name", "parameters", "gflops", "accuracy", "measured_on"), kinema_rows())
        return
    makers = {
        "timm": lambda: timm_rows(options.results),
        "torchvision": torchvision_rows,
        "transformers": transformers_rows,
    }
    rows = sorted(makers[options.library](), key=lambda row: row.name)
    _write(options.library, COLUMNS, map(written, rows))


def _write(library: str, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> None:
    with open(FOLDER / f"{library}.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
