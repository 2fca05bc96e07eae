"""Train a small motion network by self-supervision on made video alone, which never ends.

    python bench/motion_pretraining.py OUT.safetensors [--steps 3000] [--seed 0]

Four tasks at once: the flow of drifting pictures, which is known (mean distance in pixels a frame); on clips
of the synthetic generator which of a window and itself backwards is the one that was rendered, at which of
three speeds a window is played, and which of the batch's windows comes next. Prints losses while it trains,
then how well each task is done on made video of another seed. The same seed gives the same file on the same
machine with one thread. `motion_trial.py` tries the file on real clips.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from _motion_net import CHANNELS, MotionNet
from _motion_video import ACTIONS, GAIT, SPEEDS, Clips, Drift

TASKS = ("flow", "order", "speed", "next")
DRIFTS, CLIPS = 24, 12  # windows a step
WARMTH = 0.1  # temperature of the choice among next windows
HELD_OUT = 1_000_000  # what is added to the seed


class Tasks(nn.Module):
    """The network, and what its tasks need besides."""

    def __init__(self) -> None:
        super().__init__()
        self.net = MotionNet()
        self.order = nn.Linear(CHANNELS, 1, bias=False)
        self.speed = nn.Linear(CHANNELS, len(SPEEDS))
        self.next = nn.Sequential(nn.Linear(CHANNELS, CHANNELS), nn.ReLU(), nn.Linear(CHANNELS, CHANNELS))

    def forward(self, drift: tuple[Tensor, ...], clips: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The losses by `TASKS` [4]; and as many figures: a distance, and three shares of right answers."""
        (drifting, flow), (now, later, speeds) = drift, clips
        cells = self.net(torch.cat([drifting, now, now.flip(1), later]))
        drifted, *shown = cells.split([len(drifting), *[len(now)] * 3])
        there, back, after = (x.mean((2, 3)) for x in shown)
        found = self.net.flow(drifted)
        direction = self.order(there - back)[:, 0]
        speed = self.speed(there)
        guess = F.normalize(self.next(there), dim=1) @ F.normalize(after.detach(), dim=1).T
        numbers = torch.arange(len(now))
        losses = [
            F.smooth_l1_loss(found, flow, beta=0.5),
            F.softplus(-direction).mean(),
            F.cross_entropy(speed, speeds),
            F.cross_entropy(guess / WARMTH, numbers),
        ]
        figures = [
            (found - flow).norm(dim=1).mean(),
            (direction > 0).float().mean(),
            (speed.argmax(1) == speeds).float().mean(),
            (guess.argmax(1) == numbers).float().mean(),
        ]
        return torch.stack(losses), torch.stack(figures).detach()


def train(tasks: Tasks, seed: int, steps: int, every: int = 100) -> None:
    """AdamW, one cycle of the learning rate."""
    drift, clips = Drift(seed), Clips(seed)
    optimizer = torch.optim.AdamW(tasks.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    started, seen = time.monotonic(), torch.zeros(2, len(TASKS))
    tasks.train()
    for step in range(1, steps + 1):
        losses, figures = tasks(drift(DRIFTS), clips(CLIPS))
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        schedule.step()
        seen += torch.stack([losses.detach(), figures]) / every
        if step % every == 0:
            values = "  ".join(
                f"{name} {a:.3f} ({b:.3f})" for name, a, b in zip(TASKS, *seen.tolist(), strict=True)
            )
            print(f"{step:6}  {values}  {time.monotonic() - started:.0f} s", flush=True)
            seen.zero_()


@torch.no_grad()
def check(tasks: Tasks, seed: int, batches: int = 40) -> None:
    """Print the figures on made video of another seed, of pictures, actors and places never seen."""
    tasks.eval()
    drift = Drift(seed + HELD_OUT)
    for who, actions in (("all actions", tuple(ACTIONS)), ("gait", GAIT)):
        clips = Clips(seed + HELD_OUT, actions=actions)
        figures, still = torch.zeros(len(TASKS)), 0.0
        for _ in range(batches):
            windows = drift(DRIFTS)
            figures += tasks(windows, clips(CLIPS))[1] / batches
            still += float(windows[1].norm(dim=1).mean()) / batches
        flow, order, speed, following = figures.tolist()
        print(
            f"held out, {who}: flow {flow:.3f} pixels a frame ({still:.3f} by no motion), "
            f"order {order:.3f} (chance 0.5), speed {speed:.3f} ({1 / len(SPEEDS):.2f}), "
            f"next {following:.3f} ({1 / CLIPS:.2f})"
        )


def main() -> None:
    """Train, check, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    tasks = Tasks()
    print(f"{sum(p.numel() for p in tasks.net.parameters()):,} parameters")
    train(tasks, args.seed, args.steps)
    check(tasks, args.seed)
    save_file(tasks.net.state_dict(), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
