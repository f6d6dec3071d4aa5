"""A pattern that kills whoever screens it, as the kernel does when memory runs out; installed by tests/poison_settings.py."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from mlmodels.net.preprocess import NetworkInput
    from samples.xrd.pattern import PowderPattern

POISON_BEGINS_AT = 21.0
"""degree; other patterns of the tests begin at 20°"""


class PoisonConfig(AppConfig):
    name = "tests.poison"
    path = str(Path(__file__).parent)

    def ready(self) -> None:
        from screening import pipeline

        prepare = pipeline.prepare

        def prepare_or_die(pattern: PowderPattern) -> NetworkInput:
            if pattern.two_theta[0] == POISON_BEGINS_AT:
                os.kill(os.getpid(), signal.SIGKILL)
            return prepare(pattern)

        pipeline.prepare = prepare_or_die
