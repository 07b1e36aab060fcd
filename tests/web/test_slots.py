"""Slots: so many requests work at once; who waits steps aside; nobody keeps a slot."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request, Response

from portal.web.slots import KEY, Slots, _Turns


class Counting:
    """An application that counts how many requests are in it at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.waiting = 0
        self.lock = threading.Lock()
        self.turn = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if Request(environ).path == "/fails":
            raise ValueError
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        if Request(environ).path == "/waits":
            with self.lock:
                self.now -= 1
                self.waiting += 1
            with environ[KEY].left():
                self.turn.wait(20)
        else:
            time.sleep(0.02)
            with self.lock:
                self.now -= 1
        return Response("done")(environ, start_response)


def get(application: Any, path: str) -> int:
    answer = Client(application).get(path)
    answer.close()
    return answer.status_code


def test_so_many_at_once_and_those_who_wait_do_not_count() -> None:
    counting = Counting()
    slots = Slots(counting, 2)
    waiting = [threading.Thread(target=get, args=(slots, "/waits")) for _number in range(20)]
    for thread in waiting:
        thread.start()
    while counting.waiting < 20:
        time.sleep(0.01)
    working = [threading.Thread(target=get, args=(slots, "/works")) for _number in range(12)]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join(20)
        assert not thread.is_alive(), "twenty who wait hold nobody up"
    assert counting.most == 2
    counting.turn.set()
    for thread in waiting:
        thread.join(20)
        assert not thread.is_alive()


def test_a_slot_comes_back_whatever_happens() -> None:
    slots = Slots(Counting(), 1)
    for _number in range(3):
        with pytest.raises(ValueError):
            get(slots, "/fails")
        assert get(slots, "/works") == 200


def test_a_slot_is_held_until_the_answer_is_sent_and_given_back_once() -> None:
    slots = Slots(Counting(), 1)
    iterable, _status, _headers = run_wsgi_app(slots, EnvironBuilder("/works").get_environ())
    second = threading.Thread(target=get, args=(slots, "/works"))
    second.start()
    second.join(0.3)
    assert second.is_alive()
    for _number in range(2):
        iterable.close()  # type: ignore[attr-defined]
    second.join(10)
    assert not second.is_alive()
    third, _status, _headers = run_wsgi_app(slots, EnvironBuilder("/works").get_environ())
    fourth = threading.Thread(target=get, args=(slots, "/works"))
    fourth.start()
    fourth.join(0.3)
    assert fourth.is_alive(), "closed twice, given back once"
    third.close()  # type: ignore[attr-defined]
    fourth.join(10)


def test_a_free_slot_goes_to_who_waits_longest() -> None:
    turns = _Turns(1)
    turns.acquire()
    served: list[int] = []

    def come(number: int) -> None:
        turns.acquire()
        served.append(number)
        time.sleep(0.002)
        turns.release()

    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=come, args=(number,)))
        threads[-1].start()
        while len(turns._waiting) <= number:
            time.sleep(0.001)
    turns.release()
    for thread in threads:
        thread.join(10)
    assert served == list(range(20))
