"""A Ray cluster of several node processes on this machine, on loopback, for a test's own processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

# Loopback, no reports of usage, and patience where other tests keep the machine busy.
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_agent_register_timeout_ms": "100000",
    "RAY_worker_niceness": "0",
    # A node counts as dead after seconds, not half a minute.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}


@contextmanager
def ray_cluster(nodes: int, processors: int = 1, **head: Any) -> Iterator[Any]:
    """Ray's own `Cluster`; its nodes can be removed and added."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": processors, "include_dashboard": False, **head}
    )
    try:
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=processors)
        yield cluster
    finally:
        cluster.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def started(cluster: Any, *arguments: str) -> subprocess.Popen[str]:
    """`kinema ARGUMENTS`, which finds the cluster as `auto`."""
    environment = os.environ | ENVIRONMENT | {"RAY_ADDRESS": cluster.address}
    command = [sys.executable, "-m", "kinema", *arguments]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def processes(title: str) -> list[psutil.Process]:
    """Ray's processes that are at what `title` says (`ray::Backbones`)."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(word.startswith(title) for word in process.cmdline()[:1]):
                found.append(process)
        except psutil.Error:
            continue
    return found


def tree(root: Path) -> dict[str, bytes]:
    """Every file of a store but what a dead process was writing and what is remembered of videos."""
    found = (p for p in root.rglob("*") if p.is_file() and not p.name.startswith("digests.sqlite"))
    found = [p for p in found if p.suffix != ".tmp"]
    return {str(p.relative_to(root)): p.read_bytes() for p in found}
