"""The address of every page about the life of a network that needs to know nothing of calls."""

from __future__ import annotations

from django.urls import path

from mlmodels import training_views

app_name = "mlmodels"
urlpatterns = [
    path("training/", training_views.training_list, name="training-list"),
    path("training/new/", training_views.new, name="training-new"),
    path("training/<int:pk>/", training_views.training, name="training"),
    path("training/<int:pk>/progress/", training_views.progress, name="training-progress"),
    path("training/<int:pk>/curve.json", training_views.curve, name="training-curve"),
    path("training/<int:pk>/cancel/", training_views.cancel, name="training-cancel"),
    path("training/<int:pk>/resume/", training_views.resume, name="training-resume"),
]
