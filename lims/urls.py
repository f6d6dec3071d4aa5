"""The address of every page."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from lims import keys, views
from lims.health import healthz

admin.site.site_header = admin.site.site_title = "Icosa"

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("samples.urls")),  # before screening: /samples/new/ is no sample's code
    path("", include("screening.urls")),
    path("sign-in/", views.SignIn.as_view(), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
    path("language/", views.set_language, name="set_language"),
    path("keys/", keys.keys, name="keys"),
    path("keys/icosa_upload.py", keys.uploader, name="uploader"),
    path("keys/<int:pk>/revoke/", keys.revoke, name="revoke-key"),
    path("api/v1/", include("lims.api")),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
