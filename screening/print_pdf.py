"""PDF of a page, where WeasyPrint is installed (requirements-pdf.txt); elsewhere the browser prints as well."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import import_module
from types import ModuleType

from django.contrib.staticfiles import finders


@lru_cache(maxsize=1)
def can_make_pdf() -> bool:
    """WeasyPrint is here, and so are the libraries of the system that it needs (pango)."""
    try:
        _weasyprint()
    except (ImportError, OSError):
        return False
    return True


def pdf_of(html: str, *, stylesheet: str, address: str) -> bytes:
    """The page as people would print it; ``stylesheet``: one of ours · ``address``: of the page, where its links start."""
    weasyprint = _weasyprint()
    # Images are inside the page, so that no request leaves the lab.
    fetcher = import_module("weasyprint.urls").URLFetcher(allowed_protocols=["data"])
    page = weasyprint.HTML(string=html, base_url=address, url_fetcher=fetcher)
    content: bytes = page.write_pdf(stylesheets=[weasyprint.CSS(filename=finders.find(stylesheet))])
    return content


def _weasyprint() -> ModuleType:
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it tells of every step and page
    return import_module("weasyprint")
