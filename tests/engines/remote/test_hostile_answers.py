"""A Monitor that begins to lie in the middle of an exchange: an error of ours, never another exception, and an end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
import renode_monitor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looped import examples

from icmsg.assets import stub
from icmsg.config.nrf5340 import APP
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.errors import IcmsgError, MonitorError
from icmsg.link.exchange import Exchange
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from icmsg.link.players import Program

LIES: Final[dict[str, Callable[[str], str]]] = {
    "nothing": lambda _answer: "",
    "twice": lambda answer: answer * 2,
    "half": lambda answer: answer[: len(answer) // 2],
    "ones": lambda answer: "1" * len(answer),
    "a word": lambda _answer: "OK\r\n",
    "zero": lambda _answer: "0\r\n",
    "a large number": lambda _answer: "0xFFFFFFFFFFFFFFFF\r\n",
    "a larger number": lambda _answer: "9" * 5000,
    "negative": lambda _answer: "-1\r\n",
    "backwards": lambda answer: answer[::-1],
    "another time": lambda answer: answer.replace("0", "9", 1),
    "other digits": lambda answer: answer.translate(str.maketrans("0123456789", "9876543210")),
    "not hexadecimal": lambda answer: answer.replace("0", "z"),
    "other numerals": lambda answer: answer.replace("0", "\u0660"),
    "false": lambda answer: answer.replace("True", "?").replace("False", "True"),
    "no time": lambda _answer: "0 0 -\r\n",
    "a record that cannot be": lambda _answer: "99999999 0 " + "FF" * 16 + "\r\n",
    "a record of nobody": lambda _answer: "99999999 0 " + "00" * 8 + "0100" + "0900" + "00" * 4 + "\r\n",
    "an error": lambda _answer: "!",
}


class Liar:
    """A transport to a Monitor whose answers are changed from the ``line``-th on, ``lines`` of them."""

    def __init__(self, monitor: renode_monitor.RenodeMonitor, kind: str, line: int, lines: int) -> None:
        self._monitor = monitor
        self._kind = kind
        self._lies = range(line, line + lines)
        self._line = 0

    def execute(self, command: str) -> str:
        answer = self._monitor.execute(command)
        self._line += 1
        if self._line not in self._lies:
            return answer
        if self._kind == "an error":
            raise MonitorError("There was an error executing command 'x': \r\nNo, for no reason\r\n")
        return LIES[self._kind](answer)


@settings(deadline=None, max_examples=examples(100), suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(LIES)), line=st.integers(1, 60), lines=st.sampled_from([1, 3, 1000]))
def test_whatever_a_monitor_answers_an_exchange_ends_with_a_result_or_an_error_of_ours(
    kind: str, line: int, lines: int
) -> None:
    monitor = renode_monitor.with_machine()
    liar = Liar(monitor, kind, line, lines)
    with suppress(IcmsgError), RemoteMachine(liar) as machine:
        machine.boot_anew()
        programs: dict[str, Program] = {"app": None, "net": FirmwareImage.load(stub("echo", "net"))}
        Exchange(machine, programs, APP, Workload(3), bond_timeout_ns=5_000_000, silence_ns=2_000_000).run()


@pytest.mark.parametrize("kind", LIES)
def test_a_monitor_that_lies_from_the_start_is_found_out_or_harmless(kind: str) -> None:
    test = test_whatever_a_monitor_answers_an_exchange_ends_with_a_result_or_an_error_of_ours.hypothesis
    test.inner_test(kind, 1, 1000)
