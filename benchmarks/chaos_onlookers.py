"""Those who look at a lab while benchmarks.chaos mistreats it: what do its home page and /healthz say?"""

from __future__ import annotations

import contextlib
import html
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.own_lab import OwnLab
from benchmarks.upload import Browser

LOOK_EVERY = 0.5
LIGHT = re.compile(r'<span class="light light-(\w+)" aria-hidden="true"></span>(.*?)</(?:span|div)>', re.DOTALL)
WHY = re.compile(r'<p id="why">(.*?)</p>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")


@dataclass
class Onlookers:
    """Ask the home page and /healthz again and again, and keep what they say, while it lasts."""

    lab: OwnLab
    said: dict[str, list[str]] = field(default_factory=dict)
    """What is done to the lab → what was said meanwhile, in its order, each once."""
    during: str = "nothing"
    done: bool = False

    def start(self) -> None:
        for look in (self._home, self._health):
            threading.Thread(target=self._watch, args=[look], daemon=True).start()

    def _watch(self, look: Callable[[], list[str]]) -> None:
        while not self.done:
            during = self.during
            for sentence in look():
                told = self.said.setdefault(during, [])
                if sentence not in told:
                    told.append(sentence)
            time.sleep(LOOK_EVERY)

    def _home(self) -> list[str]:
        with contextlib.suppress(Exception):
            if not hasattr(self, "browser"):
                self.browser = Browser(self.lab.address)
        if not hasattr(self, "browser"):
            return []
        status, page = ask(self.lab.address + "/", self.browser.opener)
        if status == 200:
            lights = [(colour, plain(words)) for colour, words in LIGHT.findall(page)]
            return [f"home: {words}" for colour, words in lights if colour == "bad" and "backup" not in words.lower()]
        return [f"home: {status} {plain(found.group(1)) if (found := WHY.search(page)) else page}"[:200]]

    def _health(self) -> list[str]:
        status, said = ask(self.lab.address + "/healthz", urllib.request.build_opener())
        if status != 503 or not said.startswith("{"):
            return [] if status == 200 else [f"healthz: {status} {said}"[:200]]
        facts = json.loads(said)
        reasons = [name for name in ("database", "migrated") if not facts[name]]
        reasons += ["worker silent"] if facts["worker"] and not facts["worker"]["alive"] else []
        reasons += (
            ["disk nearly full"] if facts["disk_free_gb"] < float(self.lab.environment["ICOSA_DISK_FREE"]) else []
        )
        return [f"healthz: 503 {', '.join(reasons) or said}"]


def plain(markup: str) -> str:
    return " ".join(html.unescape(TAG.sub("", markup)).split())


def ask(address: str, opener: urllib.request.OpenerDirector) -> tuple[int, str]:
    """Status and body; 0 and why where nobody answers."""
    try:
        with opener.open(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except Exception as error:
        return 0, f"no answer ({getattr(error, 'reason', error)})"
