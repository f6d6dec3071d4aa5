"""How long "What to look at next" and "Drift" take with 100,000 results and 5,000 outcomes; on this database.

The lab of benchmarks.agreement, in a database of its own, where the version before calls every tenth pattern otherwise, and its
50,000 patterns come in over twelve months.

python -m benchmarks.next_looks [--results 100000] [--outcomes 5000]
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from benchmarks import agreement

ADDRESSES = (
    "/next/",
    "/next/?page=100",
    "/next/?system=Al-Si",
    "/api/v1/proposals/",
    "/drift/",
    "/drift/noise.json",
    "/api/v1/drift/",
)


def fill(n_results: int, n_outcomes: int) -> None:
    from django.db import connection
    from django.db.models.functions import Mod
    from django.utils import timezone

    from mlmodels.models import ModelVersion
    from samples.models import Pattern, Reading
    from screening.models import FollowUp, InputMeasures, ScreeningResult

    agreement.fill(n_results, n_outcomes)
    FollowUp.objects.unfinished().update(state="done", closed_at=datetime.now(UTC))
    InputMeasures.objects.bulk_create(
        (
            InputMeasures(reading_id=pk, coverage=1.0, noise=0.003)
            for pk in Reading.objects.values_list("pk", flat=True)
        ),
        batch_size=5000,
    )
    today = timezone.now()
    for n in range(12):
        late = Pattern._base_manager.alias(part=Mod("pk", 12)).filter(part=n)
        late.update(uploaded_at=today - timedelta(days=30 * n))
    before = ModelVersion.objects.get(state="retired", name="the one before")
    for last, level in enumerate("ABCD"):
        others = ScreeningResult.objects.filter(model_version=before)
        others.extra(where=["screening_screeningresult.id %% 40 = %s"], params=[last]).update(level=level)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


if __name__ == "__main__":
    agreement.run(__doc__, fill, lambda: agreement.measure(ADDRESSES))
