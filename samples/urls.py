"""The address of every page that writes a sample; the pages that show them are screening's."""

from __future__ import annotations

from django.urls import path

from samples import comment_views, project_views, sheet_views, views

app_name = "samples"
urlpatterns = [
    path("samples/new/", views.new, name="new"),
    path("samples/import/", sheet_views.sheets, name="sheets"),
    path("samples/import/<int:pk>/", sheet_views.sheet, name="sheet"),
    path("samples/import/<int:pk>/columns/", sheet_views.columns, name="sheet-columns"),
    path("samples/import/<int:pk>/commit/", sheet_views.commit, name="sheet-commit"),
    path("samples/import/<int:pk>/trash/", sheet_views.trash, name="sheet-trash"),
    path("samples/import/<int:pk>/restore/", sheet_views.restore, name="sheet-restore"),
    path("samples/import/<int:pk>/undo/", sheet_views.undo, name="sheet-undo"),
    path("samples/import/<int:pk>/original/", sheet_views.original, name="sheet-original"),
    path("samples/import/<int:pk>/left-out/", sheet_views.left_out, name="sheet-left-out"),
    path("samples/<str:code>/edit/", views.edit, name="edit"),
    path("samples/<str:code>/archive/", views.archive, name="archive"),
    path("samples/<str:code>/restore/", views.restore, name="restore"),
    path("samples/<str:code>/comment/", comment_views.comment_on_sample, name="comment-on-sample"),
    path("samples/<str:code>/follow/", comment_views.follow_sample, name="follow-sample"),
    path("samples/<str:code>/project/", project_views.move_sample, name="move-to-project"),
    path("projects/", project_views.projects, name="projects"),
    path("projects/<int:pk>/", project_views.project, name="project"),
    path("projects/<int:pk>/members/", project_views.members, name="project-members"),
    path("projects/<int:pk>/change/", project_views.change, name="project-change"),
    path("systems/<str:key>/edit/", views.edit_system, name="edit-system"),
    path("systems/<str:key>/follow/", comment_views.follow_system, name="follow-system"),
    path("patterns/<int:pk>/comment/", comment_views.comment_on_pattern, name="comment-on-pattern"),
    path("comments/<int:pk>/edit/", comment_views.edit_comment, name="edit-comment"),
    path("comments/<int:pk>/withdraw/", comment_views.withdraw_comment, name="withdraw-comment"),
]
