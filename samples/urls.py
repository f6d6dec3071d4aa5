"""The address of every page that writes a sample; the pages that show them are screening's."""

from __future__ import annotations

from django.urls import path

from samples import views

app_name = "samples"
urlpatterns = [
    path("samples/new/", views.new, name="new"),
    path("samples/<str:code>/edit/", views.edit, name="edit"),
    path("samples/<str:code>/archive/", views.archive, name="archive"),
    path("samples/<str:code>/restore/", views.restore, name="restore"),
    path("systems/<str:key>/edit/", views.edit_system, name="edit-system"),
]
