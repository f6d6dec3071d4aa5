"""Labels are read by a decoder of another make, from what would be printed."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest
import zxingcpp
from django.contrib.auth.models import User
from django.test import Client
from numpy.typing import NDArray
from pytest_django import Settings

from screening.labels import MOST_LABELS, STOCKS
from screening.views import labels as views
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db
DOTS = 12
"""A printer's dots a millimetre (300 dpi)."""


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(roles=["member"])
    client.force_login(user)
    return user


def printed(squares: list[tuple[float, ...]], page: tuple[float, float]) -> NDArray[np.uint8]:
    """What the printer makes of rectangles x, y, width, height (mm)."""
    paper = np.full((round(page[1] * DOTS), round(page[0] * DOTS)), 255, dtype=np.uint8)
    for x, y, width, height in squares:
        paper[round(y * DOTS) : round((y + height) * DOTS), round(x * DOTS) : round((x + width) * DOTS)] = 0
    return paper


def decoded(paper: NDArray[np.uint8]) -> list[str]:
    return sorted(code.text for code in zxingcpp.read_barcodes(paper))


def squares_of_svg(svg: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, m)) for m in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z", svg)]


def squares_of_pdf(pdf: bytes, page_height: float) -> list[tuple[float, ...]]:
    """The rectangles of the first page; a PDF counts from below, in points."""
    stream = next(
        text
        for text in map(zlib.decompress, re.findall(rb"stream\n(x\x9c?.*?|x.*?)\nendstream", pdf, re.DOTALL))
        if b" re" in text
    )
    mm = 25.4 / 72
    rectangles = re.findall(r"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re", stream.decode("latin-1"))
    return [
        (x * mm, page_height - y * mm - max(0.0, h * mm), w * mm, abs(h * mm))
        for x, y, w, h in (map(float, rectangle) for rectangle in rectangles)
    ]


@pytest.mark.parametrize("stock", STOCKS)
def test_a_label_opens_its_sample(client: Client, member: User, settings: Settings, stock: str) -> None:
    settings.PUBLIC_ADDRESS = "https://icosa.lab.example"
    sample = SampleFactory.create(code="ASR-001")
    svg = client.get("/labels/labels.svg", {"codes": "ASR-001", "stock": stock}).content.decode()
    addresses = decoded(printed(squares_of_svg(svg), STOCKS[stock].page))
    assert addresses == [f"https://icosa.lab.example/s/{sample.pk}/"]
    assert client.get(f"/s/{sample.pk}/")["Location"] == "/samples/ASR-001/"
    assert ">ASR-001</text>" in svg
    assert ">Al43Si32Ru25</text>" in svg


def test_the_pdf_says_the_same(client: Client, member: User) -> None:
    samples = [SampleFactory.create() for _ in range(3)]
    pdf = client.get("/labels/labels.pdf?q=Ru&start=20")
    assert pdf["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF")
    assert pdf.content.count(b"/Type /Page\n") == 2, "two on the sheet that was begun, one on the next"
    paper = printed(squares_of_pdf(pdf.content, 297), (210, 297))
    assert decoded(paper) == sorted(f"http://testserver/s/{sample.pk}/" for sample in samples[:2])


def test_labels_lie_on_their_paper() -> None:
    for stock in STOCKS.values():
        x, y = stock.corner(stock.n_on_page - 1)
        assert x + stock.label[0] <= stock.page[0] + 0.01, stock.name
        assert y + stock.label[1] <= stock.page[1] + 0.01, stock.name


def test_text_stays_on_the_label_however_long_the_code(client: Client, member: User) -> None:
    SampleFactory.create(code="A" * 40)
    svg = client.get("/labels/labels.svg?q=&stock=roll-12").content.decode()
    for x, size, text in re.findall(r'<text x="([\d.]+)" y="[\d.]+" font-size="([\d.]+)"[^>]*>([^<]*)<', svg):
        assert float(x) + 0.56 * float(size) * len(text) <= 40


def test_the_page_says_what_will_be_printed(client: Client, member: User) -> None:
    SampleFactory.create(code="試料-1")
    page = client.get("/labels/?q=").content.decode()
    assert "1 label" in page
    assert "no letters for 試料-1" in page
    assert client.get("/labels/labels.pdf?q=").status_code == 200


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("q=class:A", "there is nothing to print"),
        ("q=&start=0", "greater than or equal to 1"),
        ("q=&stock=stone", "not one of the available choices"),
    ],
)
def test_what_cannot_be_printed_is_said(client: Client, member: User, asked: str, sentence: str) -> None:
    SampleFactory.create()
    response = client.get(f"/labels/?{asked}")
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert client.get(f"/labels/labels.pdf?{asked}").status_code == 404


def test_too_many_are_said(client: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_LABELS == 500
    monkeypatch.setattr(views, "MOST_LABELS", 1)
    SampleFactory.create()
    SampleFactory.create()
    assert "More than 1 samples answer" in client.get("/labels/?q=").content.decode()
