import pytest

from taskctl.net.file_get import Broken
from taskctl.net.hosts import LONGEST, MOST, Host, Hosts
from tests.conftest import FakeClock

REFUSED = Broken("connection refused")


@pytest.fixture
def host(clock: FakeClock) -> Host:
    return Host(clock.monotonic)


def test_a_server_in_trouble_is_left_alone_ever_longer(host: Host, clock: FakeClock) -> None:
    pauses = []
    for _ in range(MOST - 1):
        host.failed(REFUSED, began=clock.monotonic(), gained=False)
        pauses.append(host.pause())
        clock.passed += host.pause()
    assert pauses == [1, 2, 4, 8]
    assert host.given_up is None
    host.failed(REFUSED, began=clock.monotonic(), gained=False)
    assert host.given_up is REFUSED


def test_those_that_were_under_way_together_count_once(host: Host, clock: FakeClock) -> None:
    began = clock.monotonic()
    clock.passed += 3
    for _ in range(MOST * 2):
        host.failed(REFUSED, began=began, gained=False)
    assert host.given_up is None
    assert host.pause() == 1


def test_what_gained_something_or_worked_is_no_trouble(host: Host, clock: FakeClock) -> None:
    for number in range(MOST * 4):
        if number % (MOST - 1) == 0:
            host.worked()
        clock.passed += 60
        host.failed(REFUSED, began=clock.monotonic(), gained=False)
        assert host.given_up is None
    for _ in range(MOST * 2):
        clock.passed += 60
        host.failed(REFUSED, began=clock.monotonic(), gained=True)
        assert host.pause() == 1
    assert host.given_up is None


def test_a_server_says_for_how_long(host: Host, clock: FakeClock) -> None:
    host.failed(Broken("busy", retry_after=30.0), began=clock.monotonic(), gained=False)
    assert host.pause() == 30
    clock.passed += 29
    assert host.pause() == 1
    clock.passed += 29
    assert host.pause() == 0
    assert host.given_up is None


def test_a_server_that_wants_to_rest_for_very_long_is_given_up(host: Host, clock: FakeClock) -> None:
    host.failed(Broken("busy", retry_after=LONGEST + 1), began=clock.monotonic(), gained=False)
    assert host.given_up is not None


def test_each_server_has_troubles_of_its_own() -> None:
    hosts = Hosts()
    for _ in range(MOST):
        hosts.of("a:1").failed(Broken("busy", retry_after=1e9), began=0.0, gained=False)
    assert hosts.of("a:1").given_up is not None
    assert hosts.of("a:2").given_up is None
