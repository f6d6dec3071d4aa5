"""How busy the GPU of a worker is, asked of the driver: the process that watches the workers may not import torch."""

from __future__ import annotations

import os

from mlmodels.gpu import ask_driver
from screening.models import WorkerHeartbeat


def note_use(heartbeat: WorkerHeartbeat) -> None:
    """Write use and memory (%) of the GPU beside the worker's signs of life; nothing where there is none."""
    if said := read_use(
        ask_driver(*_chosen(), "--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
    ):
        use, memory = said
        WorkerHeartbeat.objects.filter(pk=heartbeat.pk).update(gpu_use=use, gpu_memory=memory)


def read_use(said: str) -> tuple[float, float] | None:
    """Mean use and memory (%) of the GPUs in the driver's lines, as in `37, 5120, 81559`; None where it names none."""
    rows = [[part.strip() for part in line.split(",")] for line in said.splitlines() if line.strip()]
    try:
        numbers = [[float(part) for part in row] for row in rows]
        use = [row[0] for row in numbers]
        memory = [100 * row[1] / row[2] for row in numbers]
    except (ValueError, IndexError, ZeroDivisionError):  # "[N/A]", as with some virtual GPUs
        return None
    return (sum(use) / len(use), sum(memory) / len(memory)) if numbers else None


def _chosen() -> list[str]:
    """The GPUs that this worker may see."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [f"--id={chosen}"] if chosen else []
