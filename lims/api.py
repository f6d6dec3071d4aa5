"""The addresses of the API, below /api/v1/; each floor has its own `api.py`."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.urls import path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from lims import history_api
from mlmodels.api import ModelVersionViewSet
from mlmodels.training_api import TrainingRunViewSet
from samples.api import NUMBER, AlloySystemViewSet, ProjectViewSet, SampleViewSet
from screening.api import PatternViewSet, ResultViewSet, RunViewSet
from screening.dataset_api import DatasetEntryViewSet, DatasetViewSet
from screening.drift_api import DriftViewSet
from screening.export_api import ExportViewSet
from screening.follow_up_api import EvidenceFileViewSet, FollowUpViewSet
from screening.heartbeats import InstrumentHeartbeatViewSet
from screening.proof_api import ProofViewSet, RescreenViewSet
from screening.proposal_api import ProposalViewSet
from screening.review_api import ReviewViewSet


@extend_schema(exclude=True)
class Nowhere(APIView):
    """Any other address, so that a mistyped one is answered in the shape of the API too."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound

    def get(self, request: Request) -> Response:
        raise NotFound


router = SimpleRouter()
router.register("samples", SampleViewSet)
router.register("alloy-systems", AlloySystemViewSet)
router.register("projects", ProjectViewSet)
router.register("patterns", PatternViewSet)
router.register("results", ResultViewSet)
router.register("reviews", ReviewViewSet)
router.register("runs", RunViewSet)
router.register("follow-ups", FollowUpViewSet)
router.register("proposals", ProposalViewSet, basename="proposal")
router.register("drift", DriftViewSet, basename="drift")
router.register("evidence-files", EvidenceFileViewSet)
router.register("datasets", DatasetViewSet)
router.register(rf"datasets/(?P<pk>{NUMBER})/entries", DatasetEntryViewSet, basename="dataset-entry")
router.register("models", ModelVersionViewSet)
router.register("exports", ExportViewSet)
router.register("proofs", ProofViewSet)
router.register("rescreens", RescreenViewSet)
router.register("training-runs", TrainingRunViewSet)
router.register("heartbeats", InstrumentHeartbeatViewSet)

app_name = "api"
urlpatterns = [
    *history_api.urlpatterns,
    *router.urls,
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", login_required(SpectacularSwaggerSplitView.as_view(url_name="api:schema")), name="docs"),
    re_path("", Nowhere.as_view()),
]
