"""The doors: passwords, lock-out, the second factor, and how long a session lasts."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command, get_commands
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from lims import environment
from lims.demo import password_of
from lims.management.commands import changepassword
from lims.models import AccessLink, ApiKey, AuditEntry, AuditKind, RecoveryCode, SecondFactor, Session
from lims.passwords import is_breached
from lims.roles import ROLES
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

KEY = "3132333435363738393031323334353637383930"


@pytest.fixture
def anna() -> User:
    return UserFactory.create(username="anna", roles=["member"])


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 11, 27, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def sign_in(client: Client, password: str = PASSWORD, name: str = "anna", **headers: str) -> object:
    return client.post("/sign-in/", {"username": name, "password": password, "next": "/samples/"}, headers=headers)


def is_in(client: Client) -> bool:
    return client.get("/samples/").status_code == 200


def number(device: TOTPDevice | None = None) -> str:
    """What the app shows now."""
    import time

    totp = TOTP(device.bin_key if device else bytes.fromhex(KEY))
    totp.time = time.time()
    return f"{totp.token():06d}"


def kinds() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("kind", flat=True))


class TestPasswords:
    @pytest.mark.parametrize(
        "password", ["short-one", "123456789012345", "qwertyuiop123", password_of("member"), "ICOSA-demo-Admin "]
    )
    def test_what_is_guessed_first_is_refused(self, password: str) -> None:
        with pytest.raises(ValidationError):
            validate_password(password)

    def test_a_list_of_breached_ones_is_searched_without_being_read(self, settings: Settings, tmp_path: Path) -> None:
        known = [f"password number {n}" for n in range(1000)]
        hashes = sorted(hashlib.sha1(word.encode()).hexdigest().upper() for word in known)
        file = tmp_path / "hashes.txt"
        file.write_bytes("".join(f"{one}:{n * 7}\r\n" for n, one in enumerate(hashes)).encode())
        assert all(is_breached(word, file) for word in known)
        assert not any(is_breached(f"unheard of {n}", file) for n in range(1000))
        settings.BREACHED_PASSWORDS = str(file)
        with pytest.raises(ValidationError, match="list of stolen ones"):
            validate_password(known[500])
        validate_password("icosahedra have 6 axes")

    def test_the_roles_that_settings_name_are_those_of_the_lab(self) -> None:
        assert list(environment.ROLES) == list(ROLES)

    def test_people_of_the_demo_sign_in_on_a_demo_alone(self, client: Client, settings: Settings) -> None:
        UserFactory.create(username="member", password=password_of("member"), roles=["member"])
        sign_in(client, password_of("member"), "member")
        assert not is_in(client)
        settings.DEMO = True
        sign_in(client, password_of("member"), "member")
        assert is_in(client)


class TestLockOut:
    def fail(self, n: int, name: str = "anna", address: str = "192.0.2.1") -> None:
        for _ in range(n):
            Client(REMOTE_ADDR=address).post("/sign-in/", {"username": name, "password": "wrong"})

    def test_a_name_is_shut_out_from_everywhere_and_for_a_while(
        self, anna: User, clock: time_machine.Traveller
    ) -> None:
        self.fail(9)
        self.fail(1, address="192.0.2.2")
        response = Client(REMOTE_ADDR="192.0.2.3").post("/sign-in/", {"username": "anna", "password": PASSWORD})
        assert response.status_code == 429
        assert response["Retry-After"] == "900"
        assert "for 15 more minutes" in response.content.decode()
        assert kinds().count("sign-in-failed") == 10
        assert kinds()[-1] == "locked-out"
        clock.shift(timedelta(minutes=10))
        self.fail(1)  # makes it no longer
        assert kinds()[-1] == "locked-out"
        clock.shift(timedelta(minutes=6))
        guest = Client()
        sign_in(guest)
        assert is_in(guest)

    def test_an_address_is_shut_out_whatever_names_it_tries_and_others_come_in(self, anna: User) -> None:
        for n in range(50):
            self.fail(1, name=f"name{n}")
        there, elsewhere = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.9")
        assert sign_in(there).status_code == 429  # type: ignore[attr-defined]
        sign_in(elsewhere)
        assert is_in(elsewhere)

    def test_who_comes_in_begins_anew(self, anna: User, client: Client) -> None:
        for _ in range(3):
            self.fail(9)
            sign_in(client)
            assert is_in(client)

    def test_a_name_that_nobody_has_is_not_kept(self) -> None:
        self.fail(1, name="my secret password")
        entry = AuditEntry.objects.get()
        assert "secret" not in f"{entry.about_name}{entry.details}"

    def test_the_page_of_the_admin_site_leads_to_the_same_door(self, client: Client, anna: User) -> None:
        assert client.get("/admin/login/?next=/admin/")["Location"] == "/sign-in/?next=/admin/"
        client.post("/admin/login/", {"username": "anna", "password": PASSWORD})
        assert not is_in(client)

    def test_an_admin_lets_in_again(self, anna: User, client: Client) -> None:
        self.fail(10)
        client.force_login(UserFactory.create(roles=["admin"]))
        assert "Shut out for now" in client.get("/people/").content.decode()
        client.post("/people/release/", {"name": "anna"})
        assert "Shut out for now" not in client.get("/people/").content.decode()
        guest = Client()
        sign_in(guest)
        assert is_in(guest)
        assert AuditEntry.objects.get(kind=AuditKind.RELEASED).about_name == "anna"

    def test_so_does_the_command(self, anna: User) -> None:
        self.fail(10)
        call_command("axes_reset_username", "anna", stdout=io.StringIO())
        guest = Client()
        sign_in(guest)
        assert is_in(guest)
        assert AuditKind.RELEASED in kinds()

    def test_keys_are_guessed_twenty_times_from_one_address_and_right_ones_still_work(self, anna: User) -> None:
        _key, secret = ApiKey.objects.issue(anna, name="a", scopes=["read"], valid_for=timedelta(days=1))

        def ask(secret: str, address: str = "192.0.2.1") -> int:
            headers = {"Authorization": f"Bearer {secret}"}
            return Client(REMOTE_ADDR=address).get("/api/v1/samples/", headers=headers).status_code

        assert {ask("icosa_guess") for _ in range(20)} == {401}
        assert ask("icosa_guess") == 429
        assert ask("icosa_guess", "192.0.2.2") == 401
        assert ask(secret) == 200
        assert AuditEntry.objects.filter(kind=AuditKind.KEY_REFUSED).count() == 21


class TestSecondFactor:
    def enrol(self, client: Client, address: str = "/sign-in/second-factor/") -> list[str]:
        client.get(address)
        key = client.session["new_factor_key"]
        page = client.post(address, {"code": number(TOTPDevice(key=key))}).content.decode()
        return re.findall(r"((?:[a-z2-9]{4}-){3}[a-z2-9]{4})\n", page)

    @pytest.fixture
    def codes(self, anna: User, clock: time_machine.Traveller) -> list[str]:
        codes = SecondFactor(anna).set_up(KEY, number())
        clock.shift(60)
        return codes

    def test_is_set_up_by_its_owner_who_stays_in_while_others_go_out(
        self, anna: User, client: Client, clock: time_machine.Traveller
    ) -> None:
        other = Client()
        for browser in (client, other):
            browser.force_login(anna)
        page = client.get("/sign-in/second-factor/").content.decode()
        assert 'src="data:image/svg+xml' in page
        wrong = client.post("/sign-in/second-factor/", {"code": "000000"})
        assert wrong.status_code == 422
        assert not SecondFactor(anna).is_set_up
        codes = self.enrol(client)
        assert len(codes) == 10
        assert is_in(client)
        assert not is_in(other)
        assert not any(code in str(RecoveryCode.objects.values()) for code in codes)
        assert AuditKind.FACTOR_ENROLLED in kinds()

    def test_is_set_up_and_taken_off_soon_after_a_sign_in_alone(
        self, anna: User, client: Client, clock: time_machine.Traveller
    ) -> None:
        """An open browser on a bench must not give a thief a factor, or take the owner's."""
        sign_in(client)
        clock.shift(16 * 60)
        assert client.get("/sign-in/second-factor/")["Location"] == "/sign-in/?next=%2Fsign-in%2Fsecond-factor%2F"
        assert client.post("/sign-in/second-factor/", {"code": "123456"}).status_code == 302
        assert "Sign in once more" in client.get("/sign-in/").content.decode()
        sign_in(client)
        assert len(self.enrol(client)) == 10
        clock.shift(16 * 60)
        device = TOTPDevice.objects.get(user=anna)
        assert client.post("/settings/second-factor-off/", {"code": number(device)})["Location"].startswith("/sign-in/")
        assert SecondFactor(anna).is_set_up

    def test_the_password_alone_opens_nothing(self, anna: User, client: Client, codes: list[str]) -> None:
        sign_in(client)
        for address in ("/samples/", "/settings/", "/keys/"):
            assert client.get(address)["Location"].startswith("/sign-in/"), address
        assert client.get("/admin/")["Location"].startswith("/admin/login/")
        assert client.get("/api/v1/samples/").status_code in (401, 403)
        assert AuditKind.SIGNED_IN not in kinds()
        assert client.get("/sign-in/?next=/samples/")["Location"] == "/sign-in/code/?next=%2Fsamples%2F"
        before = client.session.session_key
        response = client.post("/sign-in/code/", {"code": number(), "next": "/samples/"})
        assert response["Location"] == "/samples/"
        assert is_in(client)
        assert client.session.session_key != before
        assert AuditEntry.objects.get(kind=AuditKind.SIGNED_IN).details == {"by": "password", "second_factor": True}

    def test_a_number_works_once(self, anna: User, codes: list[str], clock: time_machine.Traveller) -> None:
        shown = number()
        first, second = Client(), Client()
        for browser in (first, second):
            sign_in(browser)
            browser.post("/sign-in/code/", {"code": shown})
        assert is_in(first)
        assert not is_in(second)

    def test_a_recovery_code_works_once_as_it_is_typed(self, anna: User, codes: list[str]) -> None:
        for n, typed in enumerate([codes[0].upper(), codes[0], codes[1].replace("-", " ")]):
            browser = Client()
            sign_in(browser)
            browser.post("/sign-in/code/", {"code": typed})
            assert is_in(browser) is (n != 1)
        assert SecondFactor(anna).n_codes_left == 8
        assert kinds().count("recovery-code-used") == 2

    def test_guessing_is_counted_with_the_passwords(self, anna: User, codes: list[str]) -> None:
        for _ in range(2):
            browser = Client()
            sign_in(browser)  # which forgets nothing yet
            for _ in range(5):
                browser.post("/sign-in/code/", {"code": "000000"})
        assert browser.post("/sign-in/code/", {"code": number()}).status_code == 429
        assert sign_in(Client()).status_code == 429  # type: ignore[attr-defined]

    def test_somebody_else_may_sign_in_instead(self, codes: list[str], client: Client) -> None:
        sign_in(client)
        assert client.post("/sign-in/code/", {"leave": ""})["Location"] == "/sign-in/"
        assert client.get("/sign-in/").status_code == 200

    def test_a_role_can_oblige(self, settings: Settings, client: Client, clock: time_machine.Traveller) -> None:
        settings.SECOND_FACTOR_FOR = ["curator", "admin"]
        UserFactory.create(username="anna", roles=["curator"])
        UserFactory.create(username="ben", roles=["member"])
        sign_in(client, name="ben")
        assert is_in(client)
        browser = Client()
        sign_in(browser)
        assert not is_in(browser)
        page = browser.get("/sign-in/?next=/samples/", follow=True)
        assert "Your role in this lab needs a second factor" in page.content.decode()
        assert len(self.enrol(browser)) == 10
        assert is_in(browser)
        clock.shift(60)
        refused = browser.post("/settings/second-factor-off/", {"code": number()}, follow=True).content.decode()
        assert "Your role needs a second factor" in refused

    def test_a_new_role_obliges_at_once_and_keys_go_on(self, settings: Settings, anna: User, client: Client) -> None:
        settings.SECOND_FACTOR_FOR = ["admin"]
        _key, secret = ApiKey.objects.issue(anna, name="a", scopes=["read"], valid_for=timedelta(days=1))
        sign_in(client)
        anna.is_superuser = True
        anna.save()
        assert not is_in(client)
        assert client.get("/admin/")["Location"].startswith("/admin/login/")
        asked = Client().get("/api/v1/samples/", headers={"Authorization": f"Bearer {secret}"})
        assert asked.status_code == 200

    def test_owner_makes_new_codes_and_takes_it_off_with_a_code(
        self, anna: User, client: Client, codes: list[str], clock: time_machine.Traveller
    ) -> None:
        sign_in(client)
        client.post("/sign-in/code/", {"code": codes[0]})
        client.post("/settings/recovery-codes/", {"code": "000000"})
        assert SecondFactor(anna).n_codes_left == 9
        client.post("/settings/recovery-codes/", {"code": number()})
        assert SecondFactor(anna).n_codes_left == 10
        assert SecondFactor(anna).accepts(codes[5]) == ""
        clock.shift(60)
        client.post("/settings/second-factor-off/", {"code": number()})
        assert not SecondFactor(anna).is_set_up
        assert is_in(client)

    def test_an_admin_takes_it_off_for_who_lost_the_phone(self, anna: User, client: Client, codes: list[str]) -> None:
        browser = Client()
        sign_in(browser)
        browser.post("/sign-in/code/", {"code": codes[0]})
        client.force_login(UserFactory.create(username="chief", roles=["admin"]))
        client.post(f"/people/{anna.pk}/second-factor-off/", {"why": "lost phone"})
        assert not is_in(browser)
        sign_in(browser)
        assert is_in(browser)
        entry = AuditEntry.objects.get(kind=AuditKind.FACTOR_RESET)
        assert entry.by
        assert (entry.by.username, entry.about_name, entry.details) == ("chief", "anna", {"why": "lost phone"})

    def test_a_one_time_link_does_not_go_round_it(self, anna: User, client: Client, codes: list[str]) -> None:
        client.force_login(UserFactory.create(roles=["admin"]))
        page = client.post(f"/people/{anna.pk}/link/").content.decode()
        link = re.search(r"/welcome/[\w-]{40,}/", page)
        assert link
        guest = Client()
        guest.post(link[0], {"password1": "icosahedra have 6 axes", "password2": "icosahedra have 6 axes"})
        assert not is_in(guest)


class TestSessions:
    def test_cookies_are_for_us_alone(self, anna: User, client: Client, settings: Settings) -> None:
        sign_in(client)
        cookie = client.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    def test_each_sign_in_has_a_fresh_one(self, anna: User, client: Client) -> None:
        session = client.session
        session["planted"] = 1
        session.save()
        planted = session.session_key
        client.cookies["sessionid"] = str(planted)
        sign_in(client)
        assert client.session.session_key != planted
        assert not Session.objects.filter(session_key=planted).exists()

    @pytest.mark.parametrize(("step", "times", "stays"), [(20, 5, True), (25, 1, False), (20, 17, False)])
    def test_silence_and_age_end_it(
        self, anna: User, client: Client, clock: time_machine.Traveller, step: int, times: int, stays: bool
    ) -> None:
        sign_in(client)
        for _ in range(times):
            clock.shift(timedelta(hours=step))
            found = is_in(client)
        assert found is stays

    def test_one_signs_out_everywhere(self, anna: User) -> None:
        browsers = [Client(), Client()]
        for browser in browsers:
            sign_in(browser)
        assert "In 2 browsers" in browsers[0].get("/settings/").content.decode()
        browsers[0].post("/settings/sign-out-everywhere/")
        assert not any(is_in(browser) for browser in browsers)
        assert AuditKind.SIGNED_OUT_EVERYWHERE in kinds()

    def test_a_new_password_ends_the_others(self, anna: User) -> None:
        here, there = Client(), Client()
        for browser in (here, there):
            sign_in(browser)
        new = "icosahedra have 6 axes"
        here.post("/settings/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
        assert (is_in(here), is_in(there)) == (True, False)
        assert Session.objects.filter(person_id=anna.pk).count() == 1

    def test_who_is_made_inactive_behind_the_pages_is_out_too(self, anna: User, client: Client) -> None:
        _key, secret = ApiKey.objects.issue(anna, name="a", scopes=["read"], valid_for=timedelta(days=1))
        sign_in(client)
        User.objects.filter(pk=anna.pk).update(is_active=False)
        assert not is_in(client)
        asked = Client().get("/api/v1/samples/", headers={"Authorization": f"Bearer {secret}"})
        assert asked.status_code == 401

    def test_passwords_of_others_are_set_in_the_admin_by_superusers_alone(self, anna: User, client: Client) -> None:
        client.force_login(UserFactory.create(roles=["admin"], is_staff=True))
        assert client.get(f"/admin/auth/user/{anna.pk}/password/").status_code == 403


class Typed(changepassword.Command):
    """The command, with somebody at the keyboard."""

    def _get_pass(self, prompt: str = "") -> str:
        return "seven sisters over the lake"


def test_a_password_that_the_command_sets_is_in_the_record_and_ends_sessions(anna: User, client: Client) -> None:
    client.force_login(anna)
    call_command(Typed(), "anna", stdout=io.StringIO())
    assert not is_in(client)
    entry = AuditEntry.objects.get(kind=AuditKind.PASSWORD_SET)
    assert (entry.about_name, entry.by, entry.details) == ("anna", None, {"by": "command"})
    assert get_commands()["changepassword"] == "lims"


def test_a_lab_without_passwords_makes_and_takes_no_links(anna: User, client: Client, settings: Settings) -> None:
    admin = UserFactory.create(roles=["admin"])
    _link, secret = AccessLink.objects.issue(anna, by=admin)
    settings.PASSWORDS = False
    settings.OIDC_NAME, settings.OIDC_ISSUER = "University sign-in", "https://sso.lab.example"
    client.force_login(admin)
    for address in ("/people/invite/", f"/people/{anna.pk}/link/"):
        answer = client.post(address, {"username": "new", "roles": ["member"]}, follow=True)
        assert "people sign in by University sign-in" in answer.content.decode(), address
    assert not User.objects.filter(username="new").exists()
    ended = Client().get(f"/welcome/{secret}/")
    assert ended.status_code == 410
    assert "Sign in by University sign-in." in ended.content.decode()
