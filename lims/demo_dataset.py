"""The demo's frozen data set: the retold case and the simulated patterns beside it, all of them computed."""

from __future__ import annotations

from django.contrib.auth.models import User

from mlmodels.models import Dataset
from screening.curation.freezing import freeze
from screening.curation.question import Question

NAME = "Demo: the retold case and simulated patterns"
NOTES = (
    "Every pattern is simulated; nothing in it was measured. The labels of ASR-I to ASR-IV are the outcomes that Uryu et al. (2023)"
    " report of the measured samples, for which the simulated patterns stand in."
)


def make(curator: User) -> Dataset:
    dataset = Dataset.objects.begin(
        NAME, curator, question=Question(simulated=True).as_json(), seed=1, licence="CC0 1.0", notes=NOTES
    )
    freeze(dataset, curator, "A first set to look at, to export and to train on in the demo.")
    return dataset
