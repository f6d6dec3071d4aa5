"""manage.py retrain: ask for a training run, and follow it until it ends."""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from mlmodels.models import Dataset, ModelVersion, TrainerHeartbeat, TrainingError, TrainingRun
from samples.sentences import restored

LOOK_EVERY = 1.0


class Command(BaseCommand):
    help = (
        "Fine-tune the version in production, or train anew, on simulated patterns and those of a frozen data set. A worker that "
        "was started with --training does it; this command follows it, and Ctrl-C ends the following, not the training."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data-set", metavar="NAME", help='a frozen one, as "Outcomes v2"; without it: simulated ones'
        )
        parser.add_argument(
            "--from", dest="start", metavar="VERSION", help="begin with it (default: the one in production)"
        )
        parser.add_argument("--anew", action="store_true", help="begin with random weights, at the size of --preset")
        parser.add_argument("--preset", choices=TrainingRun.Preset.values, default=TrainingRun.Preset.LAPTOP)
        parser.add_argument("--share", type=float, default=0.25, help="of the patterns, those that are measured ones")
        parser.add_argument("--steps", type=int, help="instead of the preset's, or of the 600 of a fine-tuning")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--on", choices=TrainingRun.Wants.values, default=TrainingRun.Wants.ANY)
        parser.add_argument("--name", default="", help="of the version that comes of it")
        parser.add_argument("--resume", type=int, metavar="RUN", help="let a run go on that was cancelled or failed")
        parser.add_argument("--cancel", type=int, metavar="RUN", help="stop a run; what it learnt is kept")
        parser.add_argument("--follow", type=int, metavar="RUN", help="follow a run that was asked for before")
        parser.add_argument("--no-wait", action="store_true", help="ask for it, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if number := options["cancel"] or options["resume"] or options["follow"]:
            run = self._known(number)
        else:
            run = self._start(options)
        if options["cancel"]:
            self._say("It is being cancelled." if run.cancel() else f"It has ended already: {run.get_state_display()}.")
            return
        if options["resume"] and not run.resume():
            raise CommandError(
                f"Run {run.pk} is {run.get_state_display()}; only what was cancelled or failed is resumed."
            )
        self._say(f"Training run {run.pk}: {run.name}")
        if options["no_wait"]:
            return
        try:
            self._follow(run)
        except KeyboardInterrupt:
            self._say(f"The training goes on: --follow {run.pk} looks again, --cancel {run.pk} ends it.")

    def _start(self, options: dict[str, Any]) -> TrainingRun:
        try:
            return TrainingRun.objects.start(
                None,
                kind=TrainingRun.Kind.ANEW if options["anew"] else TrainingRun.Kind.FINE_TUNE,
                name=options["name"],
                start_version=self._version(options["start"]),
                dataset=self._dataset(options["data_set"]),
                preset=options["preset"],
                steps=options["steps"],
                seed=options["seed"],
                curated_share=options["share"],
                wants=options["on"],
            )
        except TrainingError as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())
            ) from None

    def _follow(self, run: TrainingRun) -> None:
        told_of_none = False
        shown = len(run.log)
        while True:
            close_old_connections()
            run.refresh_from_db()
            if len(run.log) > shown:
                self.stdout.write(run.log[shown:], ending="")
                self.stdout.flush()
            shown = len(run.log)
            if not run.is_unfinished:
                break
            if run.state == run.State.WAITING and not told_of_none and not TrainerHeartbeat.objects.alive().exists():
                self._say("It waits: no trainer is running. Start one: manage.py worker --training")
                told_of_none = True
            time.sleep(LOOK_EVERY)
        if run.version:
            self._say(f"{run.version} is a candidate now. Compare it with production before it is promoted.")
            return
        why = f": {restored(run.failure)}" if run.failure else "."
        raise CommandError(f"Training run {run.pk} {run.get_state_display()}{why}")

    def _known(self, number: int) -> TrainingRun:
        try:
            return TrainingRun.objects.get(pk=number)
        except TrainingRun.DoesNotExist:
            raise CommandError(f"There is no training run {number}.") from None

    def _version(self, name: str | None) -> ModelVersion | None:
        if not name:
            return None
        try:
            return ModelVersion.objects.get(name=name)
        except ModelVersion.DoesNotExist:
            known = ", ".join(ModelVersion.objects.runnable().values_list("name", flat=True))
            raise CommandError(f"There is no version {name}. There are: {known}.") from None

    def _dataset(self, name: str | None) -> Dataset | None:
        if not name:
            return None
        frozen = list(Dataset.objects.frozen())
        for dataset in frozen:
            if str(dataset) == name:
                return dataset
        known = ", ".join(map(str, frozen)) or "none yet"
        raise CommandError(f"There is no frozen data set {name}. There are: {known}.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
