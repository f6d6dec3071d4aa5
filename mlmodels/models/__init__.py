"""The life of a network as rows: its versions and their weights, who promoted which, and the data sets that it learns from."""

from mlmodels.models.datasets import Dataset, DatasetChoice, DatasetEntry, Freeze
from mlmodels.models.versions import ModelVersion, Promotion, PromotionError, WeightsPart

__all__ = [
    "Dataset",
    "DatasetChoice",
    "DatasetEntry",
    "Freeze",
    "ModelVersion",
    "Promotion",
    "PromotionError",
    "WeightsPart",
]
