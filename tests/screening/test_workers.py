"""Real workers in processes of their own, killed in the ways that workers get killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.conf import settings

from screening.models import ScreeningResult, WorkerHeartbeat
from tests.labs import ALIAS, PATIENCE, Lab, is_alive, read_proc
from tests.labs import lab as lab
from tests.poison import POISON_BEGINS_AT

pytestmark = [pytest.mark.workers, pytest.mark.slow]


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(lab: Lab) -> None:
    lab.start_worker()
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    filling = subprocess.Popen(
        [sys.executable, "tests/screening/fill_lab.py", "150"], cwd=settings.BASE_DIR, env=lab.environment
    )
    killed = kill_in_mid_batch(lab)
    assert filling.wait(PATIENCE) == 0
    lab.wait_until(lab.all_done, "all patterns screened, also those of the killed worker")
    attempts = Counter(lab.results.values_list("attempts", flat=True))
    assert killed > 0
    assert attempts == {1: 150 - killed, 2: killed}
    assert lab.results.values("reading").distinct().count() == 150
    assert not lab.results.filter(probability=None).exists()


def kill_in_mid_batch(lab: Lab) -> int:
    """Stop the workers' clocks until one is caught with rows in its hands, kill both, and say how many rows they held.

    They are counted when both are dead: a process that was told to stop may still end the statement that it is in.
    """
    workers = lab.screeners()
    for _ in range(2000):
        tell(workers, signal.SIGSTOP)
        if rows_in_hands(lab):
            tell(workers, signal.SIGKILL)
            lab.wait_until(lambda: not any(is_alive(pid) for pid in workers), "the end of both workers")
            return rows_in_hands(lab)
        tell(workers, signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("no worker was ever caught in the middle of a batch")


def rows_in_hands(lab: Lab) -> int:
    return lab.results.filter(state=ScreeningResult.State.RUNNING).count()


def tell(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, what)


def test_the_watchdog_starts_a_cluster_anew_that_is_silently_dead(lab: Lab) -> None:
    """Killed while idle, one of the two held the lock of the queue: whoever comes after waits for it for ever."""
    lab.start_worker()
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    before = lab.processes()
    for pid in lab.screeners():
        os.kill(pid, signal.SIGKILL)
    lab.wait_until(lambda: lab.processes() != [] and not set(before) & set(lab.processes()), "a new cluster")
    lab.wait_until(lab.beats_again, "its signs of life")
    assert not [pid for pid in before if is_alive(pid)]
    lab.fill(3)
    lab.wait_until(lab.all_done, "patterns screened by the new cluster")


def test_the_watchdog_starts_a_cluster_anew_whose_master_was_killed(lab: Lab) -> None:
    lab.start_worker()
    before = lab.processes()
    os.kill(before[0], signal.SIGKILL)
    lab.wait_until(lambda: not [pid for pid in before if is_alive(pid)], "the orphans' end")
    lab.wait_until(lab.beats_again, "signs of life of the new cluster")
    assert not set(before) & set(lab.processes())


def test_a_cluster_stops_by_itself_when_its_watchdog_was_killed(lab: Lab) -> None:
    lab.start_worker()
    before = lab.processes()
    assert lab.watchdog
    lab.watchdog.kill()
    lab.watchdog.wait()
    lab.wait_until(lambda: not [pid for pid in before if is_alive(pid)], "the end of the cluster")


SEE_AND_RETRY = """
from django.test import Client
from tests.factories import UserFactory
from samples.models import Pattern
client = Client(headers={"host": "localhost"})
client.force_login(UserFactory.create(roles=["member"]))
address = Pattern.objects.get(name="begins-at-21.0.xy").get_absolute_url()
for page in (address, "/"):
    said = client.get(page).content.decode()
    assert "Set aside after 3 attempts" in said and "The worker was lost" in said and "begins-at-21.0.xy" in said, page
assert "Try again" in client.get(address).content.decode()
assert client.post(address + "retry/").status_code == 302
"""


def test_a_pattern_that_kills_its_worker_is_set_aside_and_named_and_can_be_tried_again(lab: Lab) -> None:
    """Each time with a real SIGKILL, as by the kernel when memory runs out; the others of its batch are screened."""
    settings_here = lab.environment["DJANGO_SETTINGS_MODULE"]
    lab.fill(12, POISON_BEGINS_AT)
    lab.environment["DJANGO_SETTINGS_MODULE"] = "tests.poison_settings"
    lab.start_worker()
    lab.wait_until(lambda: not lab.results.awaiting().exists(), "the end of all attempts")
    assert Counter(lab.results.values_list("state", flat=True)) == {"done": 12, "failed": 1}
    poison = lab.results.get(state="failed")
    assert poison.attempts == 3
    assert poison.reading.pattern.name == "begins-at-21.0.xy"
    assert poison.reading.pattern.uploaded_by.notices.exists()
    assert lab.stop() == []
    lab.environment["DJANGO_SETTINGS_MODULE"] = settings_here
    lab.run("manage.py", "shell", "-v0", "-c", SEE_AND_RETRY)
    lab.start_worker()
    lab.wait_until(lab.all_done, "the pattern screened after all")


def test_only_spawned_processes_have_torch_and_ctrl_c_stops_everything_within_seconds(lab: Lab) -> None:
    """SIGTERM does so at the end of every other test here."""
    lab.start_worker()
    assert len(lab.processes()) >= 6  # master, sentinel, two workers, monitor, pusher
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    spawned = [pid for pid in lab.processes() if b"spawn_main" in read_proc(pid, "cmdline")]
    assert spawned == lab.screeners()  # nothing that forks ever had torch
    assert lab.stop(signal.SIGINT) == []
    assert lab.watchdog
    assert lab.watchdog.returncode == 0
    assert not WorkerHeartbeat.objects.using(ALIAS).exists()
