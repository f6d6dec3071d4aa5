"""Which GPU this host has; asked of the driver, since whoever asks may not import torch."""

from __future__ import annotations

import os
import shutil
import subprocess

from django.conf import settings

ASK_WITHIN = 5.0
"""Seconds."""


def gpu_name() -> str:
    """As the driver names the first GPU that is to be used; "" where there is none, or ICOSA_DEVICE=cpu forbids it."""
    if settings.SCREENING_DEVICE == "cpu" or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return ""
    listed = ask_driver("-L")
    if not listed.startswith("GPU"):
        return ""
    return listed.partition(": ")[2].partition(" (")[0][:60]  # GPU 0: NVIDIA H100 80GB HBM3 (UUID: …)


def ask_driver(*asked: str) -> str:
    """What nvidia-smi answers; "" where there is none, or it does not answer."""
    if not (nvidia_smi := shutil.which("nvidia-smi")):
        return ""
    try:
        done = subprocess.run([nvidia_smi, *asked], capture_output=True, text=True, check=False, timeout=ASK_WITHIN)  # noqa: S603
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""
