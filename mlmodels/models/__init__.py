"""The life of a network as rows: its versions and their weights, who promoted which, and the data sets that it learns from."""

from mlmodels.models.dataset_entries import DatasetChoice, DatasetEntry, Label, Split, content_sha256
from mlmodels.models.datasets import Dataset, DatasetConflict, DatasetError, Freeze
from mlmodels.models.heartbeats import TrainerHeartbeat
from mlmodels.models.training_runs import TrainingError, TrainingRun, TrainingStatePart
from mlmodels.models.versions import ModelVersion, Promotion, PromotionError, ProofReference, WeightsPart

__all__ = [
    "Dataset",
    "DatasetChoice",
    "DatasetConflict",
    "DatasetEntry",
    "DatasetError",
    "Freeze",
    "Label",
    "ModelVersion",
    "Promotion",
    "PromotionError",
    "ProofReference",
    "Split",
    "TrainerHeartbeat",
    "TrainingError",
    "TrainingRun",
    "TrainingStatePart",
    "WeightsPart",
    "content_sha256",
]
