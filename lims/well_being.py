"""Is the lab well?  What admins look at: the machines, the night's work, and what fails."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from lims.clocks import seconds_ahead
from lims.health import disk_free, lacks_files
from lims.models import Fault, Upkeep
from samples.requests import SignedInRequest
from screening.drift import newest_warnings
from screening.failures import failed_jobs, refused_uploads
from screening.models import ScreeningResult, WorkerHeartbeat
from screening.models.workers import wrong_by

SHOWN = 50


@permission_required("lims.view_fault", raise_exception=True)
def well_being(request: SignedInRequest) -> HttpResponse:
    """A fixed number of queries, whatever went wrong."""
    context = {
        "workers": WorkerHeartbeat.objects.all(),
        "alive": set(WorkerHeartbeat.objects.alive().values_list("pk", flat=True)),
        "n_waiting": ScreeningResult.objects.not_done().awaiting().count(),
        "disk_free": disk_free(),
        "disk_is_full": disk_free() < settings.DISK_FREE_LIMIT,
        "backup_light": Upkeep.objects.light(),
        "backup_folder": settings.BACKUP_FOLDER,
        "upkeep": Upkeep.objects.newest_of_each_task(),
        "clock_wrong_by": wrong_by(seconds_ahead()),
        "lacks_files": lacks_files(),
        "drift_warnings": newest_warnings(request.user),
        "faults": Fault.objects.open()[:SHOWN],
        "failed_jobs": failed_jobs()[:SHOWN],
        "refused_uploads": refused_uploads()[:SHOWN],
    }
    return render(request, "well_being.html", context)


@require_POST
@permission_required("lims.change_fault", raise_exception=True)
def mend(request: SignedInRequest, pk: int) -> HttpResponse:
    get_object_or_404(Fault, pk=pk).mend()
    messages.success(request, _("Out of the list. It comes back if it comes up again."))
    return redirect("well-being")
