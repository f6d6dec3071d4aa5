"""All settings, each an environment variable with a default that suits one laptop.

| variable            | default             | meaning                                                              |
|---------------------|---------------------|----------------------------------------------------------------------|
| ICOSA_DATA          | var/ in the project | folder of the SQLite database, the uploaded files and the secret key |
| DATABASE_URL        | SQLite in ICOSA_DATA | postgresql://user:password@host/name for a shared database          |
| ICOSA_DATABASE_PATIENCE | 20              | seconds that a page waits for an answer of PostgreSQL; commands and jobs wait as long as it takes |
| SECRET_KEY          | made once, kept in ICOSA_DATA | signs sessions and jobs; the same on each host; with ICOSA_HTTPS=1 it must be set, in 50 characters or more |
| ICOSA_FILES         | files/ in ICOSA_DATA | where uploaded files lie: a folder that hosts share, or s3://bucket/prefix?endpoint=https://s3.lab.example&region=… |
| AWS_ACCESS_KEY_ID   | the machine's own role | key of the bucket, with AWS_SECRET_ACCESS_KEY                      |
| AWS_SECRET_ACCESS_KEY | the machine's own role | its secret half                                                  |
| ICOSA_HOSTS         | localhost,127.0.0.1,[::1] | host names that the lab is reached by, with commas             |
| ICOSA_HTTPS         | 0                   | 1 behind a web server that speaks TLS and sets X-Forwarded-Proto     |
| ICOSA_PASSWORD_LENGTH | 12                | characters that a new password needs at least; not fewer than 12     |
| ICOSA_BREACHED_PASSWORDS | none           | file of SHA-1 hashes, sorted, as Have I Been Pwned publishes it: these passwords are refused |
| ICOSA_LOCKOUT_AFTER | 10                  | wrong passwords or codes after which a name is shut out; five times as many for an address |
| ICOSA_LOCKOUT       | 15                  | minutes that it is shut out                                          |
| ICOSA_SESSION_IDLE  | 24                  | hours without a click after which somebody must sign in again        |
| ICOSA_SESSION_LONGEST | 336               | hours after which everybody must                                     |
| ICOSA_SECOND_FACTOR_FOR | none            | roles that must have a second factor, as curator,admin               |
| ICOSA_OIDC_ISSUER   | none: no such service | address of the sign-in service (OpenID Connect), as it names itself |
| ICOSA_OIDC_CLIENT   | icosa               | what the lab is called there                                         |
| ICOSA_OIDC_SECRET   | none: a public client | the secret that the service gave the lab                           |
| ICOSA_OIDC_NAME     | Single sign-on      | what people call the service, on the button                          |
| ICOSA_OIDC_CLAIM    | groups              | claim that says the roles; realm_access.roles for one within another |
| ICOSA_OIDC_ROLES    | none: admins give roles | which value of it is which role: lab-members=member,lab-heads=admin |
| ICOSA_PASSWORDS     | 1                   | 0 leaves the sign-in service as the only door; needs ICOSA_OIDC_ISSUER |
| ICOSA_PROXIES       | 1 with ICOSA_HTTPS, else 0 | web servers in front whose X-Forwarded-For names who asks     |
| ICOSA_DEBUG         | 0                   | 1 shows Django's error pages (never on a shared machine)             |
| ICOSA_DEMO          | 0                   | 1 shows the demo people and their passwords on the sign-in page      |
| ICOSA_TIME_ZONE     | UTC                 | the lab's time zone                                                  |
| ICOSA_LANGUAGE      | en                  | en or ja, for people whose browser names neither                     |
| ICOSA_HOST_NAME     | the machine's own   | what this host is called on the lab's pages; containers have names that nobody knows |
| ICOSA_WORKERS       | number of cores     | worker processes that screen on this host                            |
| ICOSA_DEVICE        | cuda if seen, else cpu | what the network runs on                                          |
| ICOSA_ADDRESS       | as the page was asked for | where people and phones reach the lab, for labels: https://lab.example  |
| ICOSA_LABEL_FONT    | none (Western letters) | a .ttf or .otf file with the letters of your codes, for label PDFs |
| ICOSA_WAVELENGTH    | 1.540593            | radiation (Å) assumed for files that name none: the lab's default    |
| ICOSA_MAIL          | none: no mail       | smtp://name:password@mail.lab.example:25 for daily digests; smtps:// for TLS, smtp+tls:// for STARTTLS |
| ICOSA_MAIL_FROM     | icosa@localhost     | sender of these mails                                                |
| ICOSA_FOUR_EYES     | 1                   | 0 lets people sign verdicts on patterns that they uploaded           |
| ICOSA_SECOND_READER | none                | classes that a second reviewer judges too, e.g. AB                   |
| ICOSA_REVIEW_C      | 0.2                 | share of class C calls that chance puts into the review queue        |
| ICOSA_REVIEW_D      | 0.02                | the same of class D                                                  |
| ICOSA_BACKUP        | none: no backup     | folder, on another disk, that each night backs the lab up to         |
| ICOSA_BACKUP_AT     | 02:30               | when the night's work begins, in the lab's time zone                 |
| ICOSA_BACKUP_KEEP   | 7,4,12              | backups kept: the newest of so many days, weeks and months           |
| ICOSA_BACKUP_KEY    | none: not encrypted | AGE-SECRET-KEY-1…, which `manage.py backup --new-key` makes          |
| ICOSA_TRASH_DAYS    | 30                  | how long drafts that were thrown away can be taken back              |
| ICOSA_METRICS_TOKEN | none: /metrics is shut | what Prometheus must send as its bearer token                     |
| ICOSA_DISK_FREE     | 1                   | GB that must be free in ICOSA_DATA, else /healthz fails              |
| ICOSA_LOG           | text                | json: a JSON object a line, for programs that collect logs           |
| ICOSA_KEEP_EXPORTS  | 30                  | days that the file of an export of a data set is kept                |
| ICOSA_LAB           | a lab that uses Icosa | what the lab is called in what it exports                          |
| ICOSA_PROMOTE_BY_TWO | 1                   | 0 lets one curator alone put a network into production               |
| ICOSA_PROOF_PATTERNS | 3000 (demo: 300)   | simulated patterns in the evaluation that proves a network           |
"""

import contextlib
import os
import socket
from datetime import time, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _
from pythonjsonlogger.core import RESERVED_ATTRS

from lims import environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("ICOSA_DATA") or BASE_DIR / "var").resolve()
try:
    (DATA_DIR / "static").mkdir(parents=True, exist_ok=True)
except OSError as error:
    environment.problems["ICOSA_DATA"] = f"ICOSA_DATA names a folder that cannot be made: {error}."


def _kept_secret_key() -> str:
    """The key of this installation: made at the first start, whole or not at all, then read from the data folder."""
    if "ICOSA_DATA" in environment.problems:
        return get_random_secret_key()
    path = DATA_DIR / "secret_key"
    if not path.exists():
        side_name = path.with_name(f".secret_key.{os.getpid()}")
        side_name.touch(mode=0o600)
        side_name.write_text(get_random_secret_key())
        with contextlib.suppress(FileExistsError):  # another process was first, and its key counts
            os.link(side_name, path)
        side_name.unlink()
    return path.read_text()


try:
    SECRET_KEY = environment.text("SECRET_KEY") or _kept_secret_key()
except OSError as error:
    environment.problems["ICOSA_DATA"] = f"ICOSA_DATA names a folder where the secret key cannot be kept: {error}."
    SECRET_KEY = get_random_secret_key()
DEBUG = environment.flag("ICOSA_DEBUG")
DEMO = environment.flag("ICOSA_DEMO")
HTTPS = environment.flag("ICOSA_HTTPS")
if HTTPS and not DEMO and len(environment.text("SECRET_KEY")) < environment.SHORTEST_SECRET_KEY:
    environment.problems["SECRET_KEY"] = environment.UNSET_KEY_SAID
ALLOWED_HOSTS = environment.setting("ICOSA_HOSTS", ["localhost", "127.0.0.1", "[::1]"], environment.host_names)

INSTALLED_APPS = [
    "lims.apps.LimsConfig",
    "screening.apps.ScreeningConfig",
    "mlmodels.apps.MlmodelsConfig",
    "samples.apps.SamplesConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_q",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "lims.request_ids.NumberRequests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "lims.headers.GuardAnswers",
    "lims.schema.ServeOnlyWhatFits",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "lims.sessions.watch_sessions",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "samples.requests.remember_who_asks",
    "lims.audit.NoteDownloads",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "lims.urls"
WSGI_APPLICATION = "lims.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "lims.context.lab",
            ],
        },
    }
]

DATABASES = {
    "default": environment.setting(
        "DATABASE_URL", environment.database(f"sqlite:///{DATA_DIR / 'icosa.sqlite3'}"), environment.database
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = 60
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Several processes write: readers must not block the writer (WAL), a writer takes its lock when it begins
    # (IMMEDIATE, so that the wait below applies), and waits for its turn instead of failing.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
else:
    DATABASES["default"]["ENGINE"] = "lims.postgresql"  # Django's, and a server that says nothing is given up
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        # A host that is gone answers nothing: give up after seconds, on either side, so that nobody waits or holds a lock
        # for the two hours that are usual.
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # To compile a query, or to start processes that share it, takes longer than the lists of a lab do.
        "options": "-c jit=off -c max_parallel_workers_per_gather=0"
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
    } | DATABASES["default"].get("OPTIONS", {})

DATABASE_PATIENCE = environment.setting("ICOSA_DATABASE_PATIENCE", 20, environment.whole_number)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PASSWORD_LENGTH = environment.setting("ICOSA_PASSWORD_LENGTH", 12, environment.at_least(12))
BREACHED_PASSWORDS = environment.setting("ICOSA_BREACHED_PASSWORDS", "", environment.file_of_hashes)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "lims.passwords.BreachedPasswordValidator"},
    {"NAME": "lims.passwords.DemoPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["lims.lockouts.LockOut", "django.contrib.auth.backends.ModelBackend"]

LOCKOUT_MINUTES = environment.setting("ICOSA_LOCKOUT", 15, environment.whole_number)
AXES_HANDLER = "lims.lockouts.LockOutByNameAndAddress"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_FAILURE_LIMIT = environment.setting("ICOSA_LOCKOUT_AFTER", 10, environment.whole_number)
AXES_COOLOFF_TIME = timedelta(minutes=LOCKOUT_MINUTES)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "lims.addresses.address_of"
AXES_LOCKOUT_CALLABLE = "lims.lockouts.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "password", "code", "csrfmiddlewaretoken"]
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
OTP_TOTP_THROTTLE_FACTOR = 0  # wrong codes count as wrong passwords do

SECOND_FACTOR_FOR: list[str] = environment.setting("ICOSA_SECOND_FACTOR_FOR", [], environment.roles)
OIDC_ISSUER = environment.setting("ICOSA_OIDC_ISSUER", "", environment.sign_in_service)
OIDC_CLIENT, OIDC_SECRET = environment.text("ICOSA_OIDC_CLIENT", "icosa"), environment.text("ICOSA_OIDC_SECRET")
OIDC_NAME = environment.text("ICOSA_OIDC_NAME", "Single sign-on")
OIDC_CLAIM = environment.text("ICOSA_OIDC_CLAIM", "groups")
OIDC_ROLES: list[tuple[str, str]] = environment.setting("ICOSA_OIDC_ROLES", [], environment.roles_of_claims)
PASSWORDS = environment.flag("ICOSA_PASSWORDS", default=True)
if not PASSWORDS and not OIDC_ISSUER:
    environment.problems["ICOSA_PASSWORDS"] = (
        "ICOSA_PASSWORDS may be 0 only where ICOSA_OIDC_ISSUER names another door."
    )
    PASSWORDS = True
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = environment.setting("ICOSA_LANGUAGE", "en", environment.one_of("en", "ja"))
LANGUAGES = [("en", _("English")), ("ja", _("Japanese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = environment.setting("ICOSA_TIME_ZONE", "UTC", environment.time_zone)
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True  # a checkout serves its own static files, with no step to collect them
# No MEDIA_URL: every file goes through a view that asks for permission.
FILES = environment.setting("ICOSA_FILES", environment.FilesPlace(), environment.files_place)
MEDIA_ROOT = FILES.folder or DATA_DIR / "files"
STORAGES = {
    "default": {"BACKEND": "samples.bucket.Bucket", "OPTIONS": FILES.bucket}
    if FILES.bucket
    else {"BACKEND": "samples.store.Folder", "OPTIONS": {"is_shared": bool(FILES.folder)}},
    "staticfiles": {"BACKEND": "lims.static_files.HashedWhereCollected"},
}

DATA_UPLOAD_MAX_NUMBER_FILES = 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # larger uploads go to disk while they come in
MAX_PATTERN_FILE_SIZE = 20_000_000  # bytes; the largest measured powder patterns that we met have 1 MB

PROXIES = environment.setting("ICOSA_PROXIES", int(HTTPS), environment.count)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz", r"^metrics$"]  # asked by machines beside us, by plain HTTP
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    # Said of this host alone: hosts below its name may speak plain HTTP and are not the lab's to shut (W005), and the lists
    # that come with browsers take whole domains, which are the university's to put there (W021).
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "lims.sessions"
SESSION_IDLE = environment.setting("ICOSA_SESSION_IDLE", 24, environment.whole_number) * 3600  # seconds
SESSION_LONGEST = environment.setting("ICOSA_SESSION_LONGEST", 336, environment.whole_number) * 3600
SESSION_COOKIE_AGE = SESSION_LONGEST
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "script-src-attr": [NONE],
        # A nonce stands in the header where a page has styles of its own (home, dossier); Plotly's are in a file.
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-src": [NONE],
        "frame-ancestors": [NONE],
        **({"upgrade-insecure-requests": True} if HTTPS else {}),
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "lims.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["lims.authentication.RoleAndScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "lims.pagination.ByCursor",
    "DEFAULT_FILTER_BACKENDS": [
        "lims.filtering.KnownFilters",
        "lims.filtering.KnownOrdering",
    ],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "lims.api_errors.in_one_shape",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Icosa",
    "DESCRIPTION": "Press “Authorize” to try it with a key; signed in to the lab in this browser, you need none.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "lims.api_errors.described"],
    "ENUM_NAME_OVERRIDES": {
        "ResultState": "screening.models.ScreeningResult.State",
        "DatasetState": "mlmodels.models.Dataset.State",
        "ModelState": "mlmodels.models.ModelVersion.State",
        "TrainingState": "mlmodels.models.TrainingRun.State",
        "TrainingKind": "mlmodels.models.TrainingRun.Kind",
        "PatternKind": "samples.models.Pattern.Kind",
        "StepKind": "samples.models.SynthesisStep.Kind",
    },
}

HOST_NAME = environment.text("ICOSA_HOST_NAME", socket.gethostname())[:200]
SCREENING_WORKERS = environment.setting("ICOSA_WORKERS", os.cpu_count() or 1, environment.whole_number)
SCREENING_DEVICE = environment.setting("ICOSA_DEVICE", "auto", environment.device)
TRASH_DAYS = environment.setting("ICOSA_TRASH_DAYS", 30, environment.whole_number)
DEFAULT_WAVELENGTH = environment.setting("ICOSA_WAVELENGTH", 1.540593, environment.between(0.1, 3.0))

REVIEW_FOUR_EYES = environment.flag("ICOSA_FOUR_EYES", default=True)
REVIEW_SECOND_READER = environment.setting("ICOSA_SECOND_READER", "", environment.classes)
# The share of each class that people look at. Recall is estimated from C and D by these, so that they are never nothing.
REVIEW_RATES = {
    "A": 1.0,
    "B": 1.0,
    "C": environment.setting("ICOSA_REVIEW_C", 0.2, environment.between(0, 1)),
    "D": environment.setting("ICOSA_REVIEW_D", 0.02, environment.between(0, 1)),
}

PROMOTE_BY_TWO = environment.flag("ICOSA_PROMOTE_BY_TWO", default=True)
PROOF_PATTERNS = environment.setting("ICOSA_PROOF_PATTERNS", 300 if DEMO else 3000, environment.whole_number)

PUBLIC_ADDRESS = environment.setting("ICOSA_ADDRESS", "", environment.web_address)
LABEL_FONT = environment.setting("ICOSA_LABEL_FONT", "", environment.existing_file)

KEEP_EXPORTS_DAYS = environment.setting("ICOSA_KEEP_EXPORTS", 30, environment.whole_number)
MAX_DATASET_FILE_SIZE = 4_000_000_000  # bytes of an export that comes in by the browser; larger ones by import_dataset
LAB_NAME = environment.text("ICOSA_LAB", "a lab that uses Icosa")

BACKUP_FOLDER = environment.setting("ICOSA_BACKUP", "", environment.folder_outside(DATA_DIR))
BACKUP_AT = environment.setting("ICOSA_BACKUP_AT", time(2, 30), environment.time_of_day)
BACKUP_KEEP = environment.setting("ICOSA_BACKUP_KEEP", (7, 4, 12), environment.days_weeks_months)
BACKUP_KEY = environment.setting("ICOSA_BACKUP_KEY", "", environment.age_key)
METRICS_TOKEN = environment.setting("ICOSA_METRICS_TOKEN", "", environment.token)
DISK_FREE_LIMIT = environment.setting("ICOSA_DISK_FREE", 1.0, environment.between(0.0, 1e6)) * 1e9  # bytes

_mail = urlsplit(environment.setting("ICOSA_MAIL", "", environment.mail_server))
SENDS_MAIL = bool(_mail.hostname)
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or (465 if _mail.scheme == "smtps" else 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp+tls"
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL = environment.text("ICOSA_MAIL_FROM", "icosa@localhost")

SCREENING_LEASE = 60.0  # seconds that a worker has for a batch (about one) before others may take it
WORKER_BEAT = 2.0  # seconds between two signs of life of a worker
WORKER_SILENCE = 30.0  # seconds without one after which its watchdog starts it anew

TRAINING_LEASE = 30.0  # seconds without a sign of life after which another trainer takes a run up
TRAINING_BEAT = 1.0  # seconds between two of them; a cancel is seen as soon
TRAINING_SAVE_EVERY = 30.0  # seconds from one kept state to the next: what a killed training loses at most
TRAINING_CALIBRATION = 16_000  # simulated patterns on which a trained network is calibrated
TRAINING_NICENESS = 15  # of a training on the CPU: an upload on the same cores is screened first
TRAINING_DISK = 500_000_000  # bytes that must be free where a training writes

# django-q2 only rings the bell: what is to be done stands in ScreeningResult rows. `retry` counts from the moment when
# a task enters the prefetch queue, so it must outlast timeout × (1 + ceil((queue_limit + bulk) / workers)). A bell that
# ended badly is not worth keeping (ack_failures): the next one finds the same rows.
Q_CLUSTER = {
    "name": "icosa",
    "orm": "default",
    "workers": SCREENING_WORKERS,
    "timeout": 300,
    "retry": 300 * (1 + 5) + 60,
    "queue_limit": 4,
    "bulk": 1,
    "max_attempts": 3,
    "ack_failures": True,
    "poll": 0.2,
    "recycle": 20_000,  # signs of life count; a new worker process takes seconds to import torch
    "save_limit": 50,
    "catch_up": False,
    "label": "Jobs",
}

LOG_AS_JSON = environment.setting("ICOSA_LOG", "text", environment.one_of("text", "json")) == "json"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"ids": {"()": "samples.log_ids.AddIds"}},
    "formatters": {
        "text": {"format": "{asctime} {levelname} {name}{ids}: {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "{levelname}{name}{message}{request_id}{run_id}",
            "style": "{",
            "timestamp": True,
            "reserved_attrs": [*RESERVED_ATTRS, "ids", "request"],
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_AS_JSON else "text",
            "filters": ["ids"],
        },
        "faults": {"class": "lims.faults.FaultHandler", "level": "ERROR", "filters": ["ids"]},
    },
    "root": {"handlers": ["console", "faults"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django-q": {"level": "WARNING"},
        "axes": {"level": "CRITICAL"},  # the audit has what it says, without the names that were typed
        "icosa.request": {"level": "INFO" if LOG_AS_JSON else "WARNING"},
    },
}
