"""What was asked of the network and what it answered: runs and results, the rows that the jobs live in."""

from screening.models.received import LoggedSample, PackedFolder, ReceivedPattern, RefusedFile
from screening.models.results import ScreeningResult
from screening.models.rules import MatchingRule
from screening.models.runs import ScreeningRun
from screening.models.saved_views import SavedView
from screening.models.workers import WorkerHeartbeat

__all__ = [
    "LoggedSample",
    "MatchingRule",
    "PackedFolder",
    "ReceivedPattern",
    "RefusedFile",
    "SavedView",
    "ScreeningResult",
    "ScreeningRun",
    "WorkerHeartbeat",
]
