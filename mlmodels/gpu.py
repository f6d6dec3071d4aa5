"""Which GPU this host has; asked of the driver, since whoever asks may not import torch."""

from __future__ import annotations

import os
import shutil
import subprocess

from django.conf import settings


def gpu_name() -> str:
    """As the driver names the first GPU that is to be used; "" where there is none, or ICOSA_DEVICE=cpu forbids it."""
    nvidia_smi = shutil.which("nvidia-smi")
    if settings.SCREENING_DEVICE == "cpu" or not nvidia_smi or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return ""
    listed = subprocess.run([nvidia_smi, "-L"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    if not listed.startswith("GPU"):
        return ""
    return listed.partition(": ")[2].partition(" (")[0][:60]  # GPU 0: NVIDIA H100 80GB HBM3 (UUID: …)
