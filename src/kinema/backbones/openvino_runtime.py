"""Backbones through OpenVINO (the extra `openvino`): the fastest way on processors."""

import copy
import hashlib
import logging
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from ..resources import Precision
from .load import LoadedBackbone


class OpenVINOForward:
    """A batch of inputs -> features float32, by a network compiled once for each input shape.

    Converting takes seconds to half a minute, so the converted network is kept in
    `$XDG_CACHE_HOME/kinema/openvino`, under the digest of its values, shape and library versions.
    Raises `UsageError` where OpenVINO is not installed.
    """

    def __init__(
        self, loaded: LoadedBackbone, *, precision: Precision = "fp32", threads: int | None = None
    ) -> None:
        try:
            import openvino
        except ImportError:
            raise UsageError("OpenVINO is not installed; run: pip install openvino") from None
        self._openvino, self._core = openvino, openvino.Core()
        self._loaded = loaded
        # Without the hint OpenVINO picks a precision of its own.
        self._config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        self._compiled: dict[tuple[int, ...], Any] = {}

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """[N, ...] of the backbone's input -> float32 [N, D]."""
        if batch.shape not in self._compiled:
            network = self._core.read_model(self._network(batch))
            self._compiled[batch.shape] = self._core.compile_model(network, "CPU", self._config)
        features: np.ndarray = self._compiled[batch.shape](batch)[0]
        return features.copy()

    def _network(self, batch: np.ndarray) -> Path:
        loaded, versions = self._loaded, (self._openvino.__version__, torch.__version__)
        key = f"{loaded.spec.name} {loaded.features} {loaded.digest} {batch.shape} {versions}"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "kinema" / "openvino" / hashlib.sha256(key.encode()).hexdigest()[:32]
        if not (folder / "network.xml").is_file():
            self._convert(batch, folder)
        return folder / "network.xml"

    def _convert(self, batch: np.ndarray, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")  # tracing remarks on the constants of normalisation
                logging.getLogger("nncf").setLevel(logging.ERROR)
                network = self._openvino.convert_model(
                    copy.deepcopy(self._loaded.module),
                    example_input=torch.from_numpy(batch),
                    input=[batch.shape],
                )
            self._openvino.save_model(network, partial / "network.xml", compress_to_fp16=False)
            try:
                os.replace(partial, folder)
            except OSError:
                if not (folder / "network.xml").is_file():  # another process was first: that is as good
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
