"""People are let in, given roles and let go in the browser, without mail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from lims.models import AccessLink, ApiKey, PeopleError, Person
from samples.models import Change
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

NEW = "icosahedra have 6 axes"


@pytest.fixture
def admin(client: Client) -> User:
    admin = UserFactory.create(username="chief", roles=["admin"])
    client.force_login(admin)
    return admin


def link_in(page: str) -> str:
    """The path of the one-time link that a page shows."""
    match = re.search(r'value="http://testserver(/welcome/[\w-]{40,}/)"', page)
    assert match, page
    return match[1]


def invite(client: Client, **changed: object) -> str:
    sent = {"username": "anna", "mail": "", "roles": ["member", "reviewer"], **changed}
    return client.post("/people/invite/", sent).content.decode()


def person(username: str) -> Person:
    return Person.objects.get(username=username)


class TestInvitation:
    def test_the_invited_sets_name_and_password_and_is_in(self, client: Client, admin: User) -> None:
        address = link_in(invite(client))
        guest = Client()
        page = guest.get(address).content.decode()
        assert "chief has invited you" in page
        assert "12 characters" in page
        sent = {"username": "anna.s", "password1": NEW, "password2": NEW}
        assert guest.post(address, sent)["Location"] == "/"
        assert guest.get("/samples/").status_code == 200
        anna = person("anna.s")
        assert anna.roles == ["member", "reviewer"]
        assert not anna.is_staff
        assert Client().login(username="anna.s", password=NEW)

    def test_only_the_hash_of_a_link_is_kept_and_it_is_shown_once(self, client: Client, admin: User) -> None:
        secret = link_in(invite(client)).split("/")[2]
        link = AccessLink.objects.get()
        assert secret not in (link.sha256, str(link))
        assert secret not in client.get(f"/people/{person('anna').pk}/").content.decode()
        assert timedelta(days=6) < link.expires_at - timezone.now() <= timedelta(days=7)

    def test_a_link_works_once(self, client: Client, admin: User) -> None:
        address = link_in(invite(client))
        sent = {"username": "anna", "password1": NEW, "password2": NEW}
        assert Client().post(address, sent).status_code == 302
        again = Client().post(address, {**sent, "password1": NEW + "!", "password2": NEW + "!"})
        assert again.status_code == 410
        assert "This link has ended" in again.content.decode()
        assert not person("anna").check_password(NEW + "!")

    def test_an_expired_replaced_or_invented_link_leads_nowhere(self, client: Client, admin: User) -> None:
        first = link_in(invite(client))
        second = link_in(client.post(f"/people/{person('anna').pk}/link/").content.decode())
        assert Client().get(first).status_code == 410
        assert Client().get(second).status_code == 200
        AccessLink.objects.update(expires_at=timezone.now())
        assert Client().get(second).status_code == 410
        assert Client().get("/welcome/nothing/").status_code == 410

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"password1": "short", "password2": "short"}, "too short"),
            ({"password1": "passwordpassword", "password2": "different one"}, "didn’t match"),
            ({"username": "CHIEF"}, "has the name CHIEF already"),
            ({"username": "anna s"}, "Enter a valid username"),
            ({"username": ""}, "This field is required"),
        ],
    )
    def test_what_is_wrong_is_said_and_the_link_still_works(
        self, client: Client, admin: User, changed: dict[str, str], sentence: str
    ) -> None:
        address = link_in(invite(client))
        response = Client().post(address, {"username": "anna", "password1": NEW, "password2": NEW, **changed})
        assert response.status_code == 422
        assert sentence in response.content.decode()
        assert AccessLink.objects.open().count() == 1

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"username": "Chief"}, "has the name Chief already"),
            ({"roles": []}, "Choose at least one role"),
            ({"roles": ["king"]}, "Select a valid choice"),
            ({"mail": "nobody"}, "Enter a valid email address"),
        ],
    )
    def test_a_wrong_invitation_invites_nobody(
        self, client: Client, admin: User, changed: dict[str, object], sentence: str
    ) -> None:
        assert sentence in invite(client, **changed)
        assert User.objects.count() == 1

    def test_who_has_not_come_yet_is_seen_and_cannot_sign_in(self, client: Client, admin: User) -> None:
        invite(client)
        assert "invited, link not used yet" in client.get("/people/").content.decode()
        assert not Client().login(username="anna", password="")


class TestReset:
    def test_the_old_password_holds_until_the_new_one_is_set(self, client: Client, admin: User) -> None:
        anna = UserFactory.create(username="anna", roles=["member"])
        before = Client()
        before.force_login(anna)
        address = link_in(client.post(f"/people/{anna.pk}/link/").content.decode())
        assert AccessLink.objects.get().expires_at <= timezone.now() + timedelta(days=1)
        assert Client().login(username="anna", password=PASSWORD)
        page = Client().get(address).content.decode()
        assert "A new password for anna" in page
        assert 'name="username"' not in page
        Client().post(address, {"username": "chief2", "password1": NEW, "password2": NEW})
        assert Client().login(username="anna", password=NEW)
        assert before.get("/")["Location"].startswith("/sign-in/")  # other browsers are signed out

    def test_one_changes_ones_own(self, client: Client, admin: User) -> None:
        sent = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        assert client.post("/settings/password/", {**sent, "old_password": "x"}).status_code == 422
        assert client.post("/settings/password/", sent).status_code == 302
        assert client.get("/settings/").status_code == 200
        assert Client().login(username="chief", password=NEW)


class TestLeaving:
    def test_sessions_keys_and_links_end_at_once_and_for_good(self, client: Client, admin: User) -> None:
        anna = UserFactory.create(username="anna", roles=["member"])
        session = Client()
        session.force_login(anna)
        _key, secret = ApiKey.objects.issue(anna, name="a", scopes=["read"], valid_for=timedelta(days=1))
        address = link_in(client.post(f"/people/{anna.pk}/link/").content.decode())
        assert client.post(f"/people/{anna.pk}/deactivate/").status_code == 302
        asked = {"Authorization": f"Bearer {secret}"}
        assert session.get("/")["Location"].startswith("/sign-in/")
        assert session.get("/api/v1/samples/", headers=asked).status_code == 401
        assert Client().get(address).status_code == 410
        assert not Client().login(username="anna", password=PASSWORD)

        back = link_in(client.post(f"/people/{anna.pk}/let-back-in/").content.decode())
        assert session.get("/")["Location"].startswith("/sign-in/")
        assert session.get("/api/v1/samples/", headers=asked).status_code == 401
        assert Client().post(back, {"password1": NEW, "password2": NEW})["Location"] == "/"
        assert person("anna").roles == ["member"]

    def test_the_last_admin_stays(self, client: Client, admin: User) -> None:
        page = client.post(f"/people/{admin.pk}/deactivate/", follow=True).content.decode()
        assert "Then nobody would be left who lets people in" in page
        response = client.post(f"/people/{admin.pk}/", {"roles": ["member"]})
        assert response.status_code == 422
        assert "Make somebody else an admin first" in response.content.decode()
        assert person("chief").roles == ["admin"]
        assert person("chief").is_active

    def test_an_invited_admin_is_none_yet(self, client: Client, admin: User) -> None:
        invite(client, roles=["admin"])
        client.post(f"/people/{admin.pk}/deactivate/")
        assert person("chief").is_active

    def test_of_two_admins_one_may_go(self, client: Client, admin: User) -> None:
        UserFactory.create(username="second", roles=["admin"])
        client.post(f"/people/{admin.pk}/deactivate/")
        assert not person("chief").is_active

    def test_a_superuser_is_changed_by_superusers_alone(self, admin: User) -> None:
        root = User.objects.create_superuser("root", password=PASSWORD)
        owner = person("root")
        for what in (owner.make_link, owner.deactivate, owner.let_back_in):
            with pytest.raises(PeopleError, match="superuser"):
                what(by=admin)
        owner.make_link(by=root)


class TestRolesAndPage:
    def test_roles_are_changed_and_logged(self, client: Client, admin: User) -> None:
        anna = UserFactory.create(username="anna", roles=["member"])
        client.post(f"/people/{anna.pk}/", {"roles": ["curator", "admin"]})
        assert person("anna").roles == ["curator", "admin"]
        assert person("anna").is_staff
        client.post(f"/people/{anna.pk}/link/")
        client.post(f"/people/{anna.pk}/deactivate/")
        changes = Change.objects.of(User, [anna.pk]).order_by("pk")
        assert {change.by for change in changes} == {admin}
        told = [{row["row"]: row["what"] for row in change.rows} for change in changes]
        assert told == [
            {"auth.user": "changed"},
            {"lims.accesslink": "made"},
            {"auth.user": "changed", "lims.accesslink": "changed"},
        ]
        page = client.get(f"/history/person/{anna.pk}/").content.decode()
        assert "<del>member</del>" in page
        assert "<ins>curator, admin</ins>" in page

    def test_everyone_sees_names_and_roles_and_no_more(self, client: Client) -> None:
        UserFactory.create(username="anna", roles=["reviewer"], email="anna@lab.example", last_login=timezone.now())
        client.force_login(UserFactory.create(roles=["member"]))
        page = client.get("/people/").content.decode()
        assert "anna" in page
        assert "reviewer" in page
        assert "anna@lab.example" not in page
        assert "Last signed in" not in page

    def test_takes_as_many_queries_for_many_people(
        self, client: Client, admin: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(3):
            UserFactory.create(username=f"p{n}", roles=["member"])
        client.get("/people/")
        with django_assert_num_queries(
            8
        ):  # session, person, two of rights, people, their groups, two of who is shut out
            client.get("/people/")
        for n in range(3, 12):
            UserFactory.create(username=f"p{n}", roles=["member", "reviewer"])
        with django_assert_num_queries(8):
            client.get("/people/")


class TestWithoutPasswords:
    """Where people sign in by a service alone, no page offers a link to set a password."""

    @pytest.fixture(autouse=True)
    def only_the_service(self, settings: Settings) -> None:
        settings.PASSWORDS, settings.OIDC_ISSUER, settings.OIDC_NAME = False, "https://sso.lab.example", "Lab account"

    def test_the_pages_say_what_to_do_instead(self, client: Client, admin: User) -> None:
        anna = UserFactory.create(username="anna", roles=["member"])
        people = client.get("/people/").content.decode()
        assert "/people/invite/" not in people
        assert "people sign in by Lab account, and get an account at their first sign-in" in people
        assert f"/people/{anna.pk}/link/" not in client.get(f"/people/{anna.pk}/").content.decode()

    def test_who_left_is_let_back_in_without_a_link(self, client: Client, admin: User) -> None:
        anna = UserFactory.create(username="anna", roles=["member"], is_active=False)
        assert "and sign in by Lab account" in client.get(f"/people/{anna.pk}/").content.decode()
        page = client.post(f"/people/{anna.pk}/let-back-in/", follow=True).content.decode()
        assert "anna may sign in again." in page
        assert "/welcome/" not in page
        assert person("anna").is_active
        assert not AccessLink.objects.exists()
