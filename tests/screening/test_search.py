"""What people type into the search box, and what is made of it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from samples.models import THE_LAB, Sample
from screening.models import SavedView
from screening.search import MOST_TERMS, Search
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def said(line: str) -> list[str]:
    return [term.words for term in Search.read(line).terms]


class TestReading:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("Al 40-50 contains Ru", ["Al 40–50 at.%", "contains Ru"]),
            ("Al 40 - 50 at.%, Si>=20", ["Al 40–50 at.%", "Si ≥ 20 at.%"]),
            ("Al40–50", ["Al 40–50 at.%"]),
            ("Al 43 Si 32 Ru 25", ["Al 43 at.%", "Si 32 at.%", "Ru 25 at.%"]),
            ("Ａｌ　４０－５０", ["Al 40–50 at.%"]),
            ("Ruを含む Siを含まない", ["contains Ru", "without Si"]),
            ("a_R 4.3-4.4 aR>4.3", ["a_R 4.3–4.4 Å (class A to C)", "a_R > 4.3 Å (class A to C)"]),
            ("class:A,B クラス：Ｃ class:none", ["best class A, B", "best class C", "no class yet"]),
            ("note:“slow cooling” ingot", ["notes say “slow cooling”", "“ingot”"]),
            ("Al43Si32Ru25 ASR-001", ["“Al43Si32Ru25”", "“ASR-001”"]),
            ("logged:2026-04..2026-06 logged:2026", ["logged 2026-04 – 2026-06", "logged 2026"]),
            ('"class:A"', ["“class:A”"]),
            ("", []),
        ],
    )
    def test_parts_are_said_back(self, line: str, words: list[str]) -> None:
        search = Search.read(line)
        assert [term.words for term in search.terms] == words
        assert not search.doubts
        assert said(search.text) == words, "the line that it writes is read the same"

    @pytest.mark.parametrize(
        ("line", "doubt"),
        [
            ("Al 50-40", "begins with its smaller number"),
            ("Xx 40-50", "not an element"),
            ("class:Q", "the classes are A, B, C and D"),
            ("system:Al-Xx", "no sample of this system"),
            ("by:nobody", "nobody in this lab"),
            ("colour:red", "before the colon comes one of system, class"),
            ("class:", "nothing comes after the colon"),
            ("radiation:Rh", "the radiations are Cu, Co"),
            ("is:lost", "simulated, measured"),
            ("logged:yesterday", "write days like 2026-04-01"),
            ("logged:2026-13", "write days like"),
            ("logged:99999", "write days like"),
            ("!!!", "no word in it"),
        ],
    )
    def test_what_is_not_understood_is_said_and_the_rest_is_asked(self, line: str, doubt: str) -> None:
        search = Search.read(f"ingot {line}")
        assert [term.words for term in search.terms] == ["“ingot”"]
        assert doubt in search.doubts[0]
        assert search.text == "ingot"

    def test_a_line_without_end_is_cut(self) -> None:
        search = Search.read(" ".join(f"w{n}" for n in range(50)))
        assert len(search.terms) == MOST_TERMS
        assert "Only the first" in search.doubts[0]

    @pytest.mark.parametrize(
        "line", ["\x00", "%_\\", "'; DROP TABLE", '"', ':"', "Al >", "a_R", "９" * 300, "Al 1e9-2"]
    )
    def test_nothing_that_is_typed_is_an_error(self, client: Client, member: User, line: str) -> None:
        assert client.get("/samples/", {"q": line}).status_code == 200


class TestPage:
    def test_a_chip_takes_its_part_away(self, client: Client, member: User) -> None:
        SampleFactory.create()
        page = client.get("/samples/?q=Al+40-50+contains+Ru&sort=code")
        (_amount, without_amount), (_ru, without_ru) = page.context["chips"]
        assert parse_qs(urlsplit(without_amount).query) == {"q": ["contains Ru"], "sort": ["code"]}
        assert parse_qs(urlsplit(without_ru).query) == {"q": ["Al 40-50"], "sort": ["code"]}

    def test_the_form_writes_the_line(self, client: Client, member: User) -> None:
        SampleFactory.create()
        sent = {
            "form": "1", "q": "ingot", "sort": "code", "element": "Al", "lowest": "４０", "highest": "50,5", "element_2": "Ru",
            "system": "Al-Ru-Si", "level": "A,B", "a_r_from": "4.3", "person": "student", "logged_from": "2026-04-01",
            "notes": 'slow "cooling"', "kind": "measured",
        }  # fmt: skip
        line = parse_qs(urlsplit(client.get("/samples/", sent)["Location"]).query)["q"][0]
        assert line == (
            "ingot Al 40-50.5 contains Ru a_R >= 4.3 system:Al-Ru-Si class:A,B by:student "
            'note:"slow cooling" logged:2026-04-01.. is:measured'
        )
        assert Search.read(line).doubts == ()

    def test_a_number_that_is_none_is_said_in_the_form(self, client: Client, member: User) -> None:
        page = client.get("/samples/?form=1&element=Al&lowest=many").content.decode()
        assert "This is not a number" in page

    def test_columns_are_those_asked_for(self, client: Client, member: User) -> None:
        SampleFactory.create(place="Box 3")
        page = client.get("/samples/?columns=composition&columns=nonsense").content.decode()
        assert 'data-label="Composition"' in page
        assert "Box 3" not in page


@pytest.mark.parametrize(
    ("line", "index"),
    [
        ("contains Ru", "element_samples"),
        ("Al 40-50", "element_amounts"),
        ("ingot", "word_samples"),
        ("class:A", "result_version_class"),
        ("a_R 4.3-4.4", "result_version_a_r"),
        ("radiation:Mo", "reading_radiation"),
        ("is:simulated", "sample_simulated"),
        ("is:archived", "sample_archived"),
    ],
)
def test_each_question_has_its_index(line: str, index: str) -> None:
    samples = Search.read(line).samples(THE_LAB).order_by("-pk")
    if connection.vendor == "sqlite":
        assert index in samples.explain()
    else:  # which of several indexes it takes depends on what the tables hold; without any it would have to scan
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "Seq Scan" not in samples.explain()


class TestSavedViews:
    def save(self, client: Client, **sent: str) -> SavedView:
        fields = {"name": "Ru rich", "query": "Ru 30-60", "sort": "-class", "columns": "composition,class", **sent}
        response = client.post("/views/save/", fields)
        assert response.status_code == 302, response.content.decode()
        return SavedView.objects.latest("pk")

    def test_opens_as_it_was_saved(self, client: Client, member: User) -> None:
        SampleFactory.create(composition_text="Al50Ru50")
        view = self.save(client)
        page = client.get(view.get_absolute_url())
        assert page.context["opened"] == view
        assert [column.name for column in page.context["table"].columns] == ["code", "composition", "class"]
        assert page.context["table"].sort == "-class"

    def test_only_parts_of_the_list_are_kept(self, client: Client, member: User) -> None:
        view = self.save(client, columns="place,//evil.example", sort="https://evil.example", page="7")
        assert (view.columns, view.sort) == (["code", "place"], "-logged")
        assert view.get_absolute_url().startswith("/samples/?")

    def test_what_is_not_understood_is_said(self, client: Client, member: User) -> None:
        sent = {"name": "n", "query": "Al 50-40", "sort": "", "columns": ""}
        response = client.post("/views/save/", sent)
        assert response.status_code == 422
        assert "begins with its smaller number" in response.content.decode()

    def test_a_name_is_taken_once(self, client: Client, member: User) -> None:
        self.save(client)
        again = client.post("/views/save/", {"name": "Ru rich", "query": "", "sort": "", "columns": ""})
        assert "You have a view of this name already" in again.content.decode()

    def test_shared_ones_are_seen_by_others_and_stay_when_the_owner_leaves(self, client: Client, member: User) -> None:
        private, shared = self.save(client, name="mine"), self.save(client, name="ours", shared="on")
        member.is_active = False
        member.save()
        other = UserFactory.create(roles=["member"])
        client.logout()
        client.force_login(other)
        assert list(SavedView.objects.kept().visible_to(other)) == [shared]
        client.get("/samples/")  # which says that the views are saved
        page = client.get("/samples/").content.decode()
        assert "ours" in page
        assert "mine" not in page
        for address in (f"/views/{shared.pk}/edit/", f"/views/{private.pk}/edit/"):
            assert client.get(address).status_code == 404
        assert client.post(f"/views/{shared.pk}/trash/").status_code == 404

    def test_renamed_removed_and_taken_back(self, client: Client, member: User) -> None:
        view = self.save(client)
        client.post(f"/views/{view.pk}/edit/", {"name": "Ru", "query": "Ru", "sort": "code", "columns": ""})
        client.post(f"/views/{view.pk}/trash/")
        assert not SavedView.objects.kept().visible_to(member)
        self.save(client, name="Ru")
        client.post(f"/views/{view.pk}/restore/")
        assert sorted(view.name for view in SavedView.objects.kept().visible_to(member)) == ["Ru", "Ru (2)"]

    def test_without_the_right_it_is_refused(self, client: Client) -> None:
        client.force_login(UserFactory.create())
        for address in ("/views/", "/views/save/", "/labels/?q="):
            assert client.get(address).status_code == 403


def test_words_follow_the_sample() -> None:
    sample = SampleFactory.create(notes="cracked")
    assert Sample.objects.matching("crack").exists()
    sample.notes = "whole"
    sample.save()
    assert not Sample.objects.matching("crack").exists()


def test_the_number_of_questions_depends_on_the_search_alone(client: Client, member: User) -> None:
    counts = set()
    for _ in range(2):
        SampleFactory.create()
        with CaptureQueriesContext(connection) as asked:
            client.get("/samples/?q=Al+40-50+contains+Ru+class:A+ingot")
        counts.add(len(asked))
    assert len(counts) == 1
