"""Damaged and hostile runs, stores and files of embeddings: one line of error, or the undamaged answer."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import load_file, save_file

from .mutants import flip, truncate
from .process import Ended

SECONDS, FLIPS = 60.0, 12
Change = Callable[[Path], None]


def forked(arguments: Sequence[str | Path]) -> Ended:
    """Run the program in a child of this process, which has torch loaded already."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _become(arguments, out.fileno(), err.fileno())
        status = _wait(child)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Ended(status, *texts, 0, time.monotonic() - started)


def _become(arguments: Sequence[str | Path], out: int, err: int) -> None:
    status = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["kinema", *map(str, arguments)]
        from kinema.cli.app import main

        main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait(child: int) -> int | None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def check(folder: Path, run: Path, store: Path, files: Mapping[str, bytes]) -> tuple[int, list[str]]:
    """How many cases there were, and what was wrong in words."""
    import kinema.inference.embedding_file
    import kinema.workflows.embed
    import kinema.workflows.evaluate  # noqa: F401

    clip = folder / "clip.mp4"
    clip.write_bytes(files["0.mp4"])
    data = folder / "synthetic" / "annotations.csv"
    table = folder / "table.parquet"
    common = ["--weights", "none"]
    forked(["embed", run, data, "--out", table, "--features", store, *common])
    predict = ["predict", run, clip, "--json", *common]
    evaluate = ["evaluate", run, data, "--json", "--features", store, *common]
    search = ["search", table, clip, "--run", run, "--json", *common]
    count, wrong = 0, []
    for arguments, original, cases in (
        (predict, run, [*_run_cases(), *_flips(run / "model.safetensors"), *_flips(run / "config.yaml")]),
        (evaluate, store, list(_store_cases(store))),
        (search, table, [*_flips(table), *_table_cases(table)]),
    ):
        right = forked(arguments)
        if right.status != 0:
            wrong.append(f"{arguments[0]} of what is whole: {right.err.strip()[-500:]}")
        for name, change in cases:
            count += 1
            copy = folder / "hostile"
            _remove(copy)
            (shutil.copytree if original.is_dir() else shutil.copy)(original, copy)
            change(copy)
            ended = forked([copy if one == original else one for one in arguments])
            fault = _fault(ended, right, name)
            if fault:
                wrong.append(f"{arguments[0]}, {name}: {fault}")
                print(f"FAULT {wrong[-1]}", flush=True)
    return count, wrong


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _fault(ended: Ended, right: Ended, name: str) -> str | None:
    if ended.status is None:
        return f"hangs for {SECONDS:.0f} s"
    if ended.tracebacks or ended.status not in (0, 1, 2) or ended.raw:
        return f"status {ended.status}: {ended.err.strip()[-800:]}"
    lines = [line for line in ended.err.splitlines() if line.startswith("error:")]
    if ended.status and (len(lines) != 1 or not ended.err.rstrip().endswith(lines[0].rstrip())):
        return f"not one line: {ended.err.strip()[-500:]}"
    # A flipped letter of a label in config.yaml is another label.
    if ended.status == 0 and ended.out != right.out and "config.yaml" not in name:
        return "another answer, and no error"
    return None


def _edited(change: Callable[[dict[str, Any]], Any]) -> Change:
    def edit(run: Path) -> None:
        raw = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        change(raw)
        (run / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")

    return edit


def _written(text: str) -> Change:
    return lambda run: (run / "config.yaml").write_text(text) and None


def _run_cases() -> Iterator[tuple[str, Change]]:
    for key in ("kinema_run", "labels", "backbones", "recipe", "data"):
        yield f"config.yaml without {key}", _edited(lambda raw, key=key: raw.pop(key))
        for value in (None, "text", 7, [1], {"a": 1}, [[]], -1, 1e400):
            yield f"config.yaml with {key} {value}", _edited(lambda raw, k=key, v=value: raw.update({k: v}))
    temporal: list[dict[str, Any]] = [{"layers": 1_000_000}, {"units": 10**9}, {"layers": "2"}, {"kind": "x"}]
    for change in temporal:
        yield f"config.yaml: {change}", _edited(lambda raw, c=change: raw["recipe"]["temporal"].update(c))
    for change in ({"name": None}, {"digest": 5}, {"source": "/etc"}, {"features": "\x1b[2J"}):
        yield f"config.yaml: {change}", _edited(lambda raw, c=change: raw["backbones"]["rgb"][0].update(c))
    yield "config.yaml: precision", _edited(lambda raw: raw["data"].update(precision={"a": 1}))
    yield "deep config.yaml", _written("kinema_run: 2\nrecipe: " + "[" * 5000 + "]" * 5000)
    yield "config.yaml in itself", _written("&a {kinema_run: 2, recipe: *a, labels: [*a], backbones: *a}")
    yield "empty config.yaml", _written("")
    for name in ("config.yaml", "model.safetensors"):
        yield f"no {name}", lambda run, n=name: (run / n).unlink()
        yield f"a folder {name}", lambda run, n=name: _as_folder(run / n)
    yield "NaN in the tensors", _spoilt(np.nan)
    yield "infinity in the tensors", _spoilt(np.inf)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _spoilt(value: float) -> Change:
    def spoil(run: Path) -> None:
        state = load_file(run / "model.safetensors")
        name = max(state, key=lambda key: state[key].size)
        state[name].flat[0] = value
        save_file(state, run / "model.safetensors")
        _edited(lambda raw: raw.pop("model_sha256", None))(run)

    return spoil


def _flips(path: Path) -> Iterator[tuple[str, Change]]:
    """A file, or the file of that name in a folder, with bits flipped or its end cut off."""
    for number in range(FLIPS):
        for damage in (flip, truncate):
            data = damage(path.read_bytes(), np.random.default_rng([3, number]))

            def change(copy: Path, data: bytes = data) -> None:
                (copy / path.name if copy.is_dir() else copy).write_bytes(data)

            yield f"{damage.__name__} {number} of {path.name}", change


def _store_cases(store: Path) -> Iterator[tuple[str, Change]]:
    for number in range(FLIPS):
        for damage in (flip, truncate):

            def change(copy: Path, damage: Any = damage, number: int = number) -> None:
                for path in sorted(copy.glob("*/*/*.safetensors")):
                    path.write_bytes(damage(path.read_bytes(), np.random.default_rng([4, number])))

            yield f"{damage.__name__} {number} of all features", change
    for value in (np.nan, np.inf):

        def spoil(copy: Path, value: float = value) -> None:
            for path in sorted(copy.glob("*/*/*.safetensors")):
                state = load_file(path)
                state["data"][:] = value
                save_file(state, path, metadata={"magic": "kinema-features", "version": "1"})

        yield f"features all {value}", spoil


def _table_cases(table: Path) -> Iterator[tuple[str, Change]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def columns(copy: Path) -> None:
        pq.write_table(pq.read_table(copy).drop_columns(["label"]), copy)

    def spoil(copy: Path) -> None:
        whole = pq.read_table(copy)
        values = whole.column("vector").combine_chunks().flatten().to_numpy().copy()
        values[:] = np.nan
        at = whole.schema.get_field_index("vector")
        field = whole.schema.field("vector")
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(values), field.type.list_size)
        pq.write_table(whole.set_column(at, field, vectors), copy)

    yield "a column less", columns
    yield "vectors of NaN", spoil
    yield "text", lambda copy: copy.write_text("path,label\n") and None
    yield "empty", lambda copy: copy.write_bytes(b"") and None
