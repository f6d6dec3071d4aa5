"""The address of every page."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from lims import audit, history, keys, notices, people, second_factor, signing_in, sso, trash, views, well_being
from lims.health import live, ready
from lims.metrics import metrics

admin.site.site_header = admin.site.site_title = "Icosa"

handler404 = "samples.downloads.not_found"
handler500 = "lims.faults.server_error"

to_sign_in = RedirectView.as_view(pattern_name="login", query_string=True)

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("samples.urls")),  # before screening: /samples/new/ is no sample's code
    path("", include("mlmodels.urls")),
    path("", include("screening.urls")),
    path("sign-in/", signing_in.SignIn.as_view(), name="login"),
    path("sign-in/code/", signing_in.sign_in_code, name="sign-in-code"),
    path("sign-in/second-factor/", second_factor.second_factor, name="second-factor"),
    path("sign-in/service/", sso.begin, name="sso"),
    path("sign-in/service/answer/", sso.answer, name="sso-answer"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("language/", views.set_language, name="set_language"),
    path("keys/", keys.keys, name="keys"),
    path("keys/icosa_upload.py", keys.uploader, name="uploader"),
    path("keys/<int:pk>/revoke/", keys.revoke, name="revoke-key"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="invite"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/link/", people.make_link, name="make-link"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<int:pk>/second-factor-off/", people.take_factor_off, name="take-factor-off"),
    path("people/release/", people.release, name="release"),
    path("people/<int:pk>/let-back-in/", people.let_back_in, name="let-back-in"),
    path("welcome/<str:secret>/", people.welcome, name="welcome"),
    *history.urlpatterns,
    path("notices/", notices.notices, name="notices"),
    path("notices/bell/", notices.bell, name="bell"),
    path("notices/read/", notices.mark_all_read, name="mark-all-read"),
    path("notices/<int:pk>/", notices.open_notice, name="open-notice"),
    path("trash/", trash.trash, name="trash"),
    path("settings/", notices.my_settings, name="my-settings"),
    path("settings/password/", notices.my_password, name="my-password"),
    path("settings/recovery-codes/", second_factor.new_recovery_codes, name="new-recovery-codes"),
    path("settings/second-factor-off/", second_factor.take_off_second_factor, name="second-factor-off"),
    path("settings/unlink/", sso.unlink, name="sso-unlink"),
    path("settings/sign-out-everywhere/", signing_in.sign_out_everywhere, name="sign-out-everywhere"),
    path("api/v1/", include("lims.api")),
    path("audit/", audit.audit, name="audit"),
    path("audit/audit.csv", audit.audit_csv, name="audit-csv"),
    path("well-being/", well_being.well_being, name="well-being"),
    path("well-being/faults/<int:pk>/", well_being.mend, name="mend-fault"),
    path("healthz", ready, name="healthz"),
    path("healthz/ready", ready, name="healthz-ready"),
    path("healthz/live", live, name="healthz-live"),
    path("metrics", metrics, name="metrics"),
    # One sign-in page and one password page: lock-out, second factor and audit hang on them.
    path("admin/login/", login_not_required(to_sign_in), name="admin-login"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="my-password"), name="admin-password"),
    path("admin/", admin.site.urls),
]
