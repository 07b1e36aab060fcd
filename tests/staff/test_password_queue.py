"""The queue of password checks: in order over processes, one at a time, whoever dies."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from portal.staff.password_queue import BusyError, PasswordQueue


def test_the_result_and_the_error_come_back(tmp_path: Path) -> None:
    queue = PasswordQueue(tmp_path)
    assert queue.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        queue.run(lambda: 1 // 0)
    assert queue.run(lambda: None) is None


def test_in_the_order_of_arrival_one_at_a_time(tmp_path: Path) -> None:
    queue = PasswordQueue(tmp_path, slots=1)
    (tmp_path / "password-queue").write_text("1")
    served: list[int] = []
    running: list[int] = []

    def check(number: int) -> None:
        running.append(number)
        assert len(running) == 1
        time.sleep(0.02)
        served.append(number)
        running.pop()

    threads = []
    for number in range(30):
        threads.append(threading.Thread(target=lambda n=number: queue.run(lambda: check(n))))
        threads[-1].start()
        while (tmp_path / "password-queue").read_text().split("\n")[0] != str(number + 2):
            time.sleep(0.001)  # until its ticket is drawn
    for thread in threads:
        thread.join()
    assert served == list(range(30))


def _work(folder: str, number: int, path: str) -> None:
    def check() -> None:
        with Path(path).open("a") as out:
            out.write(f"{number} begins\n")
            out.flush()
            time.sleep(0.02)
            out.write(f"{number} ends\n")

    queue = PasswordQueue(Path(folder), slots=1)
    threads = [threading.Thread(target=lambda: queue.run(check)) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_processes_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context: Any = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(str(tmp_path), n, str(log))) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    lines = log.read_text().split("\n")[:-1]
    assert len(lines) == 30
    for begins, ends in zip(lines[::2], lines[1::2], strict=True):
        assert (begins.split()[0], begins.split()[1], ends.split()[1]) == (ends.split()[0], "begins", "ends")


def test_tickets_of_the_dead_hold_nobody_up(tmp_path: Path) -> None:
    child = os.spawnlp(os.P_WAIT, "true", "true")
    assert child == 0
    context: Any = multiprocessing.get_context("spawn")
    gone = context.Process(target=_work, args=(str(tmp_path), 1, str(tmp_path / "log")))
    gone.start()
    gone.join(60)
    dead = f"9\n1 {gone.pid} {time.monotonic():.3f}\n2 {os.getpid()} {time.monotonic() - 500:.3f}"
    (tmp_path / "password-queue").write_text(dead)
    started = time.monotonic()
    assert PasswordQueue(tmp_path, slots=1).run(lambda: "served") == "served"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("rubbish", ["", "x", "5\nx y z", "\0" * 100, "7\n1 2"])
def test_a_spoilt_file_is_begun_anew(tmp_path: Path, rubbish: str) -> None:
    (tmp_path / "password-queue").write_text(rubbish)
    assert PasswordQueue(tmp_path, slots=1).run(lambda: 1) == 1


def test_who_waits_too_long_is_told(app: Any, tmp_path: Path) -> None:
    queue = PasswordQueue(tmp_path, slots=1, wait_seconds=0.5)
    has_turn, let_go = threading.Event(), threading.Event()
    served: list[str] = []

    def check() -> None:
        has_turn.set()
        let_go.wait()

    def wait_in_vain() -> None:
        with app.app_context(), pytest.raises(BusyError):
            queue.run(check)

    first = threading.Thread(target=wait_in_vain)
    with app.app_context():
        first.start()
        assert has_turn.wait(60)
        with pytest.raises(BusyError, match="Try again"):
            queue.run(lambda: served.append("late"))
        let_go.set()
        first.join()
        queue._wait_seconds = 60
        assert queue.run(lambda: "next") == "next"
    assert served == [], "nobody waits for it any more: it is not done"


def test_a_folder_that_cannot_be_written_costs_the_order_only(tmp_path: Path) -> None:
    queue = PasswordQueue(tmp_path, slots=1)
    queue.run(lambda: 1)
    (tmp_path / "password-queue").unlink()
    (tmp_path / "password-queue").mkdir()
    assert queue.run(lambda: "still served") == "still served"
