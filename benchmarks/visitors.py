"""People and instruments of a lab, as locust runs them for benchmarks.load and benchmarks.memory.

What they need to know (addresses, sessions, keys, pace) stands in the JSON file that ICOSA_VISITORS names; what they met is
written beside it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, events, task
from locust.env import Environment

from benchmarks.patterns import pattern_text

PLAN = Path(os.environ["ICOSA_VISITORS"])
told: dict[str, Any] = json.loads(PLAN.read_text())
sessions, keys, numbers = iter(told["sessions"]), iter(told["keys"]), itertools.count()
FILES = [pattern_text(seed) for seed in range(16)]


class Visitor(HttpUser):
    """Each acts at moments of its own, as those do who know nothing of one another: on average each ``every`` seconds, however
    long an answer takes.  (Of locust's paces, constant_pacing counts from the visitor's birth: after one round, all come at once.)
    """

    abstract = True
    every = 1.0

    def begin(self, number: int) -> None:
        self.rng = random.Random(number)
        self.due = time.monotonic()
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Seconds until this one acts again."""
        self.due += self.rng.expovariate(1 / self.every)
        self.due = max(self.due, time.monotonic())
        return self.due - time.monotonic()


class Person(Visitor):
    """Signed in, and looks at one thing after another: each kind of page is as likely."""

    fixed_count = len(told["sessions"])
    every = told["person_every"]

    def on_start(self) -> None:
        self.client.cookies["sessionid"] = next(sessions)
        self.begin(next(numbers))

    def look(self, address: str, name: str) -> None:
        with self.client.get(address, name=name, catch_response=True) as answer:
            if "/sign-in/" in str(answer.url):
                answer.failure("sent to the sign-in page, which is not what was to be measured")

    @task
    def home(self) -> None:
        self.look("/", "home")

    @task
    def sample_list(self) -> None:
        self.look("/samples/", "list")

    @task
    def filtered_list(self) -> None:
        self.look("/samples/?" + self.rng.choice(told["filters"]), "filtered list")

    @task
    def search(self) -> None:
        self.look("/samples/?" + self.rng.choice(told["searches"]), "search")

    @task
    def sample(self) -> None:
        self.look(f"/samples/{self.rng.choice(told['samples'])}/", "sample")

    @task
    def pattern(self) -> None:
        """The page, and the figure that its script asks for."""
        pattern, reading = self.rng.choice(told["patterns"])
        self.look(f"/patterns/{pattern}/", "pattern")
        self.look(f"/readings/{reading}/figure.json", "figure of a pattern")

    @task
    def queue(self) -> None:
        """The next candidate is taken, and shown."""
        self.look("/review/next/", "queue")


class Instrument(Visitor):
    """Sends a file that is like no other, named after a sample, as icosa_upload.py does."""

    fixed_count = len(told["keys"])
    every = told["instrument_every"]

    def on_start(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {next(keys)}"
        self.number = next(numbers)
        self.run_number = ""
        self.sent = 0
        self.begin(self.number)

    @task
    def send(self) -> None:
        self.sent += 1
        name = f"{self.rng.choice(told['samples'])}_{self.number}-{self.sent}.xy"
        content = self.rng.choice(FILES) + f"# {told['unique']} {name}\n".encode()
        sent = {"path": name, **({"run": self.run_number} if self.run_number else {})}
        with self.client.post(
            "/api/v1/patterns/", sent, files={"file": (name, content)}, name="upload", catch_response=True
        ) as answer:
            if answer.status_code != 201 or answer.json()["failure"]:
                answer.failure(answer.text[:300])
                return
            self.run_number = str(answer.json()["run"])


def forget_warm_up(environment: Environment, **_: Any) -> None:
    gevent.spawn_later(told["warm_up"], environment.stats.reset_all)


def write_down(environment: Environment, **_: Any) -> None:
    asked = {
        entry.name: {
            "n": entry.num_requests,
            "median_ms": entry.get_response_time_percentile(0.5),
            "p95_ms": entry.get_response_time_percentile(0.95),
            "max_ms": round(entry.max_response_time),
            "errors": entry.num_failures,
        }
        for entry in environment.stats.entries.values()
    }
    said = [str(error.error)[:300] for error in environment.stats.errors.values()]
    PLAN.with_suffix(".met.json").write_text(json.dumps({"asked": asked, "said": said[:10]}))


events.init.add_listener(forget_warm_up)  # type: ignore[no-untyped-call]
events.quitting.add_listener(write_down)  # type: ignore[no-untyped-call]
