"""A step of training on an accelerator, and `training.train` from records, beside EfficientAT's: one table.

    python tests/benchmarks/gpu_table.py [--efficientat CHECKOUT] [--model mn10] [--batch 120] [--frames 1000]

Each row is measured in a process of its own, a few of which take a minute to compile: under ten minutes on one H100.
CHECKOUT is one of github.com/fschmid56/EfficientAT; without it the anchor's rows are left out, and with it, every row
has its ratio to fp16 autocast. Steps take resident data: BCE over 527 classes, Adam, median of five windows. The last
row builds records of noise, trains three epochs of them in bfloat16 and shows the last one. `--batch 2 --frames 64
--clips 8 --steps 1` runs on a CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLASSES, WINDOWS, WARM_UP = 527, 5, 3
LIMIT = 240  # seconds of a row: the first of a machine loads CUDA's libraries, JAX compiles
RATE, RECORDING = 32_000, 60  # Hz, seconds
ANCHOR = "EfficientAT fp16 autocast"
# What is measured -> backend and settings.
CASES = {
    "EfficientAT float32": ("reference", "float32"),
    ANCHOR: ("reference", "float16"),
    "EfficientAT bf16 autocast": ("reference", "bfloat16"),
    "EfficientAT bf16 autocast, channels_last": ("reference", "bfloat16 channels_last"),
    "JAX bf16, Keras' layers": ("jax", "plain"),
    "JAX bf16": ("jax", "twin"),
    "PyTorch bf16, Keras' layers": ("torch", "plain"),
    "PyTorch bf16": ("torch", "twin"),
    "training.train, JAX bf16, from records": ("jax", "records"),
}


def reference_step(settings: str, args: argparse.Namespace) -> tuple[Callable[[], Any], Callable[[], float | None]]:
    """EfficientAT's own step in PyTorch, and how to ask for the memory that it takes, GB."""
    import torch

    precision, *last = settings.split()
    os.chdir(args.efficientat)  # it reads its metadata from there
    sys.path.insert(0, args.efficientat)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints itself
        from models.mn.model import get_model

        network = get_model(width_mult=int(args.model[-2:]) / 10)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).train()
    x = torch.randn(args.batch, 1, 128, args.frames, device=device)
    y = (torch.rand(args.batch, CLASSES, device=device) < 0.01).float()
    if last:
        network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=8e-4)
    scaler = torch.amp.GradScaler(device, enabled=precision == "float16" and device == "cuda")

    def step() -> None:
        cast = contextlib.nullcontext()
        if precision != "float32":
            cast = torch.autocast(device, getattr(torch, precision))
        with cast:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x)[0], y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return step, torch_memory


def keras_step(settings: str, args: argparse.Namespace) -> tuple[Callable[[], Any], Callable[[], float | None]]:
    """The step that `training.train` compiles, with Keras' own layers or their twins."""
    import keras
    import numpy as np

    from audiotag import models, training
    from audiotag.training import trainee
    from audiotag.training.precision import computing_in

    if settings == "plain":
        trainee.twin_of = lambda network: network
    generator = np.random.default_rng(0)
    batch = {
        "log_mel": generator.normal(size=(args.batch, args.frames, 128, 1)).astype(np.float16),
        "label": (generator.random((args.batch, CLASSES)) < 0.01).astype(np.float32),
    }
    network = models.build(args.model, classes=CLASSES)
    computing_in("bfloat16", network).__enter__()  # until the process ends
    model = trainee.Trainee(network, training.loss_for("multilabel"), keras.optimizers.Adam(8e-4))
    if keras.backend.backend() == "torch":
        batch = {name: keras.ops.convert_to_tensor(values) for name, values in batch.items()}
        return lambda: model.train_step((batch,)), torch_memory

    import jax

    batch = jax.device_put(batch)
    model._symbolic_build(data_batch=(batch,))
    kinds = ("trainable", "non_trainable", "optimizer", "metrics")
    # `fit` gives its arrays away at every step, as this does.
    state = model._get_jax_state(**{f"{kind}_variables": True for kind in kinds}, purge_model_variables=True)
    compiled = jax.jit(model.train_step, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        logs, state = compiled(state, (batch,))
        return logs

    return step, jax_memory


def torch_memory() -> float | None:
    import torch

    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None


def jax_memory() -> float | None:
    import jax

    figures = jax.local_devices()[0].memory_stats()
    return figures["peak_bytes_in_use"] / 1e9 if figures else None


def finish(result: Any) -> None:
    """Wait for what a step began."""
    if "jax" in sys.modules and os.environ.get("KERAS_BACKEND") == "jax":
        sys.modules["jax"].block_until_ready(result)
    elif sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.synchronize()


def measure_step(
    make: Callable[..., tuple[Callable[[], Any], Callable[[], float | None]]], settings: str, args: argparse.Namespace
) -> dict[str, float | None]:
    """Milliseconds, clips/s and memory of a step."""
    step, memory = make(settings, args)
    for _ in range(WARM_UP):
        finish(step())
    times = []
    for _ in range(WINDOWS):
        started = time.perf_counter()
        for _ in range(args.steps):
            result = step()
        finish(result)
        times.append((time.perf_counter() - started) / args.steps)
    seconds = statistics.median(times)
    return {"clips_per_s": args.batch / seconds, "ms": 1000 * seconds, "GB": memory()}


def measure_training(args: argparse.Namespace) -> dict[str, float | None]:
    """The last of three epochs of `training.train` from records."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    from audiotag import training

    with tempfile.TemporaryDirectory() as folder:
        data = build_noise(Path(folder), args)
        recipe = training.Recipe(
            data=data, model=args.model, epochs=3, batch_size=args.batch, validation="none", precision="bfloat16"
        )
        training.train(recipe, Path(folder) / "run")
        events = EventAccumulator(str(Path(folder) / "run" / "train")).Reload()
        tags = ("epoch_clips_per_second", "epoch_waiting_for_data")
        speed, waiting = (float(make_ndarray(events.Tensors(tag)[-1].tensor_proto)) for tag in tags)
    return {"clips_per_s": speed, "ms": 1000 * args.batch / speed, "GB": jax_memory(), "waiting": waiting}


def build_noise(folder: Path, args: argparse.Namespace) -> Path:
    """Records of AudioSet's shape: clips that overlap in recordings of noise, two labels each."""
    import numpy as np

    from audiotag import audio, records
    from audiotag.labels import Labels

    names = tuple(f"class {number}" for number in range(CLASSES))
    generator = np.random.default_rng(0)
    clips, seconds = [], args.frames / 100
    starts = np.linspace(0, RECORDING - seconds, 100).round(2)
    for number in range(-(-args.clips // 100)):
        audio.write(folder / f"{number}.wav", generator.normal(0, 0.1, RATE * RECORDING).astype(np.float32), RATE)
    for clip in range(args.clips):
        number, start = clip // 100, float(starts[clip % 100])
        labels = tuple(names[label] for label in generator.choice(CLASSES, 2, replace=False))
        clips.append(records.Clip(f"{clip}", f"{number}.wav", labels, "train", start=start, end=start + seconds))
    declaration = records.Declaration(
        name="noise",
        version="1",
        task="multilabel",
        licence="CC0",
        citation="none",
        labels=Labels(names),
        clips=tuple(clips),
        seconds=seconds,
        root=folder,
    )
    records.build(declaration, folder / "data")
    return folder / "data"


def measure(case: str, args: argparse.Namespace) -> dict[str, float | None]:
    """One row of the table, in this process."""
    backend, settings = CASES[case]
    if settings == "records":
        return measure_training(args)
    return measure_step(reference_step if backend == "reference" else keras_step, settings, args)


def row(case: str) -> dict[str, float | None] | str:
    """One row, from a process of its own; what went wrong, where it has none."""
    environment = os.environ | {"KERAS_BACKEND": CASES[case][0].replace("reference", "torch")}
    command = [sys.executable, __file__, *sys.argv[1:], "--case", case]
    try:
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return f"more than {LIMIT} s"
    lines = finished.stdout.splitlines() if finished.returncode == 0 else finished.stderr.splitlines()
    return json.loads(lines[-1]) if finished.returncode == 0 else (lines or ["no message"])[-1][:120]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--efficientat", type=os.path.abspath)
    parser.add_argument("--model", default="mn10")
    parser.add_argument("--batch", type=int, default=120)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=8, help="of a window")
    parser.add_argument("--clips", type=int, default=4800, help="of the records")
    parser.add_argument("--case", choices=CASES, help="one row, as JSON")
    args = parser.parse_args()
    if args.case:
        print(json.dumps(measure(args.case, args)))
        return
    print(f"{args.model}, batch {args.batch} x ({args.frames}, 128)")
    print("| case | clips/s | ms | of the anchor | GB | waiting |\n|-|-|-|-|-|-|")
    anchor = None
    for case, (backend, _) in CASES.items():
        if backend == "reference" and not args.efficientat:
            continue
        result = row(case)
        if isinstance(result, str):
            print(f"| {case} | {result} | | | | |", flush=True)
            continue
        anchor = result["clips_per_s"] if case == ANCHOR else anchor
        ratio = f"{result['clips_per_s'] / anchor:.2f}" if anchor else ""
        memory = "" if result["GB"] is None else f"{result['GB']:.1f}"
        waiting = f"{result['waiting']:.0%}" if "waiting" in result else ""
        print(
            f"| {case} | {result['clips_per_s']:,.1f} | {result['ms']:.1f} | {ratio} | {memory} | {waiting} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
