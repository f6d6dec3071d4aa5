"""A pattern that kills whoever screens it, as the kernel does when memory runs out; installed by tests/poison_settings.py."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from mlmodels.registry import ScreeningNetwork
    from samples.xrd.pattern import PowderPattern
    from screening.pipeline import Call

POISON_BEGINS_AT = 21.0
"""degree; other patterns of the tests begin at 20°"""


class PoisonConfig(AppConfig):
    name = "tests.poison"
    path = str(Path(__file__).parent)

    def ready(self) -> None:
        from screening import pipeline

        screen = pipeline.screen

        def screen_or_die(network: ScreeningNetwork, patterns: Sequence[PowderPattern]) -> list[Call]:
            if any(pattern.two_theta[0] == POISON_BEGINS_AT for pattern in patterns):
                os.kill(os.getpid(), signal.SIGKILL)
            return screen(network, patterns)

        pipeline.screen = screen_or_die
