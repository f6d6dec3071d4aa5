"""The address of every page of screening."""

from __future__ import annotations

from django.urls import path

from samples.pattern_views import original
from screening.views import downloads, inbox, patterns, reference_phases, reviews, rules, runs, samples, uploads

app_name = "screening"
urlpatterns = [
    path("samples/", samples.sample_list, name="sample-list"),
    path("samples/<str:code>/", samples.sample, name="sample"),
    path("samples/<str:code>/figure.json", downloads.sample_figure, name="sample-figure"),
    path("systems/", samples.system_list, name="system-list"),
    path("systems/<str:key>/", samples.system, name="system"),
    path("upload/", uploads.upload, name="upload"),
    path("upload/rules/", rules.rules, name="rules"),
    path("uploads/", runs.run_list, name="run-list"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/cards/", runs.cards, name="cards"),
    path("runs/<int:pk>/unpack/", uploads.unpack, name="unpack"),
    path("runs/<int:pk>/correct/", runs.correct, name="correct-rows"),
    path("runs/<int:pk>/move/", runs.move, name="move-rows"),
    path("runs/<int:pk>/set-aside/", runs.set_aside, name="set-aside"),
    path("runs/<int:pk>/samples/", runs.log_samples, name="log-samples"),
    path("runs/<int:pk>/undo/", runs.undo, name="undo"),
    path("runs/<int:pk>/redo/", runs.redo, name="redo"),
    path("codes/", runs.codes, name="codes"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("patterns/<int:pk>/", patterns.pattern, name="pattern"),
    path("patterns/<int:pk>/call/", patterns.call, name="call"),
    path("patterns/<int:pk>/move/", patterns.move, name="move"),
    path("patterns/<int:pk>/mark/", patterns.mark, name="mark"),
    path("patterns/<int:pk>/correct/", patterns.correct, name="correct"),
    path("patterns/<int:pk>/retry/", patterns.retry, name="retry"),
    path("patterns/<int:pk>/refine/", patterns.refine, name="refine"),
    path("patterns/<int:pk>/archive/", patterns.archive, name="archive"),
    path("patterns/<int:pk>/original/", original, name="original"),
    path("readings/<int:pk>/figure.json", downloads.pattern_figure, name="pattern-figure"),
    path("readings/<int:pk>/pattern.csv", downloads.numbers, name="pattern-csv"),
    path("readings/<int:pk>/pattern.json", downloads.record, name="pattern-json"),
    path("review/", reviews.review_list, name="review-list"),
    path("review/next/", reviews.review_next, name="review-next"),
    path("review/batch/", reviews.batch, name="review-batch"),
    path("review/blind/", reviews.blind, name="blind-reading"),
    path("review/<int:pk>/", reviews.review, name="review"),
    path("reviews/<int:pk>/undo/", reviews.undo, name="undo-review"),
    path("phases/", reference_phases.phases, name="phases"),
    path("phases/<int:pk>/archive/", reference_phases.archive, name="archive-phase"),
    path("phases/<int:pk>/cif/", reference_phases.cif, name="phase-cif"),
    path("phases/<int:pk>/sticks.json", reference_phases.sticks, name="phase-sticks"),
    path("results/<int:pk>/evidence.json", downloads.evidence_figure, name="evidence-figure"),
]
