"""What a run becomes as files: one part a backbone, one for the recogniser, one for its single steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..backbones.random_init import synthetic_batch
from ..backbones.spec import InputSpec
from ..extraction.loaded import LoadedStream
from ..model.recognizer import Recognizer
from .recognizer import PortableRecognizer, PortableStep


@dataclass(frozen=True)
class Part:
    """One module with the names of its tensors.

    `free` names the free axes of inputs and outputs, by tensor and axis. The module is traced on `example`;
    `other` are inputs of another batch and length, on which what was written is compared with it.
    """

    name: str
    module: nn.Module
    example: tuple[Tensor, ...]
    other: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    free: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """Names, types and shapes of the tensors that go in, and the names of those that come out; a free
        axis by its name."""
        shapes = {name: _shape(x, self.free[name]) for name, x in zip(self.inputs, self.example, strict=True)}
        types = {name: _type(x) for name, x in zip(self.inputs, self.example, strict=True)}
        inputs = [{"name": n, "type": types[n], "shape": shapes[n]} for n in self.inputs]
        return {"inputs": inputs, "outputs": list(self.outputs)}


def parts_of(streams: Mapping[str, LoadedStream], model: Recognizer) -> Iterator[Part]:
    """All parts of a loaded run; the step's only where the model goes step by step."""
    for name, stream in streams.items():
        for number, backbone in enumerate(stream.backbones):
            view = replace(stream.spec.views[number], length=_length(stream, stream.spec.views[number]))
            yield backbone_part(f"backbone-{name}-{number}", backbone.module, view)
    yield _recognizer(model)
    try:
        yield _step(model)
    except ValueError:  # it needs whole sequences
        return


def _length(stream: LoadedStream, view: InputSpec) -> int | None:
    """Frames in a clip, or fields in a stack."""
    if view.kind == "flow_stack":
        return getattr(stream.spec, "stack_length", None)
    return getattr(getattr(stream.spec, "sampling", None), "length", None) or view.length


def backbone_part(name: str, module: nn.Module, view: InputSpec) -> Part:
    """A backbone's part; `view` is its input, with the length of its clips."""
    batch = synthetic_batch(view, seed=1)
    other = torch.cat([batch, batch.flip(0)])[:3]
    free = {"input": {0: "batch"}, "features": {0: "batch"}}
    return Part(name, module, (batch[:2],), (other,), ("input",), ("features",), free)


def _recognizer(model: Recognizer) -> Part:
    inputs = tuple(text for name in model.streams for text in (name, f"{name}_lengths"))
    per_step = model.recipe.classifier.per_step
    outputs = ("scores", "step_scores") if per_step else ("scores",)
    free: dict[str, dict[int, str]] = {"scores": {0: "batch"}}
    if per_step:
        free["step_scores"] = {0: "batch", 1: f"{next(iter(model.streams))}_steps"}
    for name in model.streams:
        free |= {name: {0: "batch", 1: f"{name}_steps"}, f"{name}_lengths": {0: "batch"}}
    example, other = _sequences(model, [5, 3], 5), _sequences(model, [9, 1, 4, 7], 11)
    return Part("recognizer", PortableRecognizer(model), example, other, inputs, outputs, free)


def _sequences(model: Recognizer, lengths: list[int], steps: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(len(lengths))
    found: list[Tensor] = []
    for dim in model.dims.values():
        found += [torch.randn(len(lengths), steps, dim, generator=random), torch.tensor(lengths)]
    return tuple(found)


def _step(model: Recognizer) -> Part:
    module = PortableStep(model)
    states = [f"state_{i}" for i in range(len(module.first_state(1)))]
    following = [f"next_{name}" for name in states]
    free = {name: {0: "batch"} for name in (*model.streams, "scores")}
    for name, state in zip(states, module.first_state(1), strict=True):
        axes = {0: "batch"} if state.ndim else {}
        free |= {name: axes, f"next_{name}": axes}
    example, other = (
        (*(torch.randn(batch, dim) for dim in model.dims.values()), *module.first_state(batch))
        for batch in (2, 3)
    )
    inputs, outputs = (*model.streams, *states), ("scores", *following)
    return Part("step", module, example, other, inputs, outputs, free)


def _shape(x: Tensor, free: Mapping[int, str]) -> list[int | str]:
    return [free.get(axis, size) for axis, size in enumerate(x.shape)]


def _type(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
