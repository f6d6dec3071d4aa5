"""What was asked of the network and what it answered: runs and results, the rows that the jobs live in."""

from screening.models.archive_screenings import ArchiveScreening
from screening.models.arguments import Argument
from screening.models.candidates import Candidate
from screening.models.evidence_files import EvidenceFile
from screening.models.exports import DatasetExport, DatasetImport, DatasetRecord
from screening.models.follow_ups import FollowUp, FollowUpConflict
from screening.models.freezing_jobs import FreezingJob
from screening.models.input_measures import InputMeasures
from screening.models.instruments import InstrumentHeartbeat
from screening.models.label_evidence import LabelEvidence
from screening.models.observations import LatticeMeasurement, ObservedPhase, Technique
from screening.models.outcomes import FollowUpError, Outcome
from screening.models.packed import PackedFolder
from screening.models.promotion_requests import PromotionAnswer, PromotionRequest, roll_back
from screening.models.proofs import Proof, ProofError
from screening.models.received import LoggedSample, ReceivedPattern, RefusedFile
from screening.models.reference_phases import ReferencePhase
from screening.models.results import ScreeningResult
from screening.models.reviews import Review, ReviewError
from screening.models.rules import MatchingRule
from screening.models.runs import ScreeningRun
from screening.models.saved_views import SavedView
from screening.models.workers import WorkerHeartbeat

__all__ = [
    "ArchiveScreening",
    "Argument",
    "Candidate",
    "DatasetExport",
    "DatasetImport",
    "DatasetRecord",
    "EvidenceFile",
    "FollowUp",
    "FollowUpConflict",
    "FollowUpError",
    "FreezingJob",
    "InputMeasures",
    "InstrumentHeartbeat",
    "LabelEvidence",
    "LatticeMeasurement",
    "LoggedSample",
    "MatchingRule",
    "ObservedPhase",
    "Outcome",
    "PackedFolder",
    "PromotionAnswer",
    "PromotionRequest",
    "Proof",
    "ProofError",
    "ReceivedPattern",
    "ReferencePhase",
    "RefusedFile",
    "Review",
    "ReviewError",
    "SavedView",
    "ScreeningResult",
    "ScreeningRun",
    "Technique",
    "WorkerHeartbeat",
    "roll_back",
]
