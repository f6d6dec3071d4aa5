"""Do the database and the program belong together?  If not, the lab serves nothing, and says which command to run."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers

from lims import __version__, patience
from samples.sentences import translated
from samples.xrd.sentences import Sentence, sentence

OUR_APPS = {"lims", "screening", "mlmodels", "samples"}

LOOK_AGAIN_AFTER = 2.0
"""Seconds, while they do not belong together; else whoever asks /healthz looks, and a page that the database breaks."""

LOOK_WITHIN = 4.0
"""Seconds after which a database that has not answered counts as away; a page may wait for longer, a monitor may not."""

SERVED_ALWAYS = "/healthz"


class Fit:
    """What this process knows of it; one for the whole process."""

    def __init__(self) -> None:
        self.misfit: Sentence | None = None
        self._looked_at: float | None = None

    def trust(self) -> None:
        """Look no more, until somebody doubts it."""
        self.misfit, self._looked_at = None, time.monotonic()

    def doubt(self) -> None:
        self._looked_at = None

    def lose(self) -> None:
        """The database was silent for as long as a page waits: say so to all others at once, and look again in a while."""
        self.misfit, self._looked_at = UNREACHABLE, time.monotonic()

    def look(self) -> Sentence | None:
        """Ask the database; None where it fits."""
        try:
            with patience.at_most(LOOK_WITHIN):
                self.misfit = find_misfit()
        except Error:
            self.misfit = UNREACHABLE
        self._looked_at = time.monotonic()
        return self.misfit

    def known(self) -> Sentence | None:
        """As it was found last; asked anew where nobody has, or where it did not fit a while ago."""
        if self._looked_at is None or (self.misfit and time.monotonic() > self._looked_at + LOOK_AGAIN_AFTER):
            if self.misfit:  # which the others are told, while this request asks
                self._looked_at = time.monotonic() + LOOK_WITHIN
            return self.look()
        return self.misfit


fit = Fit()


def why_not() -> str:
    """For a command that the database refused: why they do not belong together, and where the data lie; "" where they do."""
    misfit = fit.look()
    return f"{misfit} The data folder is {settings.DATA_DIR}, as ICOSA_DATA says." if misfit else ""


OTHER_KEY = sentence(
    "The SECRET_KEY of this host is not that of the lab's other hosts: what they sign, sessions and jobs, is worth nothing here."
    " Set the same SECRET_KEY on each host. Where it was changed on purpose, on all of them, run once: python manage.py"
    " new_secret_key"
)
UNREACHABLE = sentence("The database does not answer. Start it, or mend DATABASE_URL; the lab goes on by itself then.")


def find_misfit() -> Sentence | None:
    """Why program and database do not belong together, or this host and the others; two questions to the database."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    known = migrations_of_program()
    unknown = sorted(f"{app}.{name}" for app, name in applied - known if app in OUR_APPS)
    if unknown:
        return sentence(
            "The database is newer than the program: Icosa %(version)s does not know its migration %(migration)s. Install"
            " the version of Icosa that made it, or restore a backup from before the upgrade.",
            version=__version__,
            migration=unknown[-1],
        )
    if known - applied:
        return sentence(
            "The database is older than the program (migrations that it lacks: %(n)s). Make a backup, then run:"
            " python manage.py migrate",
            n=len(known - applied),
        )
    from lims.models.key_marks import KeyMark  # this module is read before the tables are known

    return None if KeyMark.objects.is_ours() else OTHER_KEY


@cache
def migrations_of_program() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


class ServeOnlyWhatFits:
    """Middleware: 503 with a sentence, for every address, while program and database do not belong together."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        misfit = None if request.path.startswith(SERVED_ALWAYS) else fit.known()
        return not_serving(request, misfit) if misfit else self.get_response(request)


def not_serving(request: HttpRequest, why: Sentence, status: int = 503, *, this_alone: bool = False) -> HttpResponse:
    """For people a page, for scripts the API's shape of an error; both say to come again.

    this_alone: what was asked for could not be done, and the sentence is for who asked; else the lab is closed.
    """
    with translation.override(translation.get_language_from_request(request)):
        if request.path.startswith("/api/"):
            error = {"code": "not_serving", "message": translated(why.as_json()), "fields": {}}
            response: HttpResponse = JsonResponse({"error": error}, status=status)
        else:
            context = {"why": why.as_json(), "this_alone": this_alone}
            response = HttpResponse(render_to_string("not_serving.html", context), status=status)
    response["Retry-After"] = "30"
    add_never_cache_headers(response)
    return response
