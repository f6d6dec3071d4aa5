"""What was asked of the network and what it answered: runs and results, the rows that the jobs live in."""

from screening.models.results import ScreeningResult
from screening.models.runs import ReceivedPattern, ScreeningRun
from screening.models.workers import WorkerHeartbeat

__all__ = ["ReceivedPattern", "ScreeningResult", "ScreeningRun", "WorkerHeartbeat"]
