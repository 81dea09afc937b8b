"""The verbs behind ``icmsg`` print the same on every engine, times apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from icmsg.errors import MonitorError
from icmsg.machine.machine import Holder
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from icmsg.machine.machine import Machine


def test_two_cores_played_by_python_bond_and_talk(machine: Machine) -> None:
    watched: list[str] = []
    verbs = IcmsgVerbs(lambda: machine, watched.append)

    def typed(line: str) -> list[str]:
        return re.sub(r"\d+\.\d+ .s\b", "<time>", verbs.execute(line.split())).splitlines()

    typed("watch")
    bound = typed("bond app net")
    assert [line.split(" after ")[0] for line in bound] == [
        f"{core} is bound (CONNECTED_SID_DISABLED)" for core in ("app", "net")
    ]
    machine.run_for(1_000_000)
    assert typed("send hex:00ff app") == ["app->net 2 bytes: 00 ff |..|"]
    assert typed("dump app --packets") == [
        "app->net 0x20070000 rd_idx=20 wr_idx=28 used=8 of 2040, 1 packet pending",
        "  at the start: the magic, 13 bytes |Em1l1K0rn3li4|",
        "  index    20: 2 bytes: 00 ff |..|",
    ]
    assert typed("recv net")[0].startswith("app->net 2 bytes: 00 ff |..|, after ")
    assert typed("status") == [
        'ipc0: pbuf, dcache-alignment 0, unbound = "disable", ring-back',
        "app->net 0x20070000 rd_idx=28 wr_idx=28 used=0 of 2040, empty",
        "  app wrote the magic, net has taken it",
        "net->app 0x20078000 rd_idx=20 wr_idx=20 used=0 of 2040, empty",
        "  net wrote the magic, app has taken it",
        "memory says bound: each side has taken the other's magic",
        "app: played by Python, CONNECTED_SID_DISABLED",
        "net: played by Python, CONNECTED_SID_DISABLED",
        "ipcapp: INTEN=0x0002 EVENTS=0x0000 IRQ=0",
        "ipcnet: INTEN=0x0001 EVENTS=0x0000 IRQ=0",
    ]
    packets = [line.split("] ", 1)[1] for line in watched if "->" in line]
    assert sorted(packets[:2]) == [
        "app->net the magic, 13 bytes |Em1l1K0rn3li4|",
        "net->app the magic, 13 bytes |Em1l1K0rn3li4|",
    ]
    assert packets[2:] == ["app->net 2 bytes: 00 ff |..|"]


def test_what_is_injected_is_seen(machine: Machine) -> None:
    verbs = IcmsgVerbs(lambda: machine)
    verbs.execute(["bond", "app", "net"])
    machine.run_for(1_000_000)
    assert verbs.execute(["ring", "app", "0"]) == "app rings 0: net is interrupted"
    machine.run_for(1_000_000)
    assert (
        verbs.execute(["write", "net", "4", "ffff"]) == "net->app 0x20078000 +4 (wr_idx): 14 00 is now ff ff"
    )
    verbs.execute(["ring", "net", "1"])
    with pytest.raises(MonitorError, match="a message for app did not happen within") as refused:
        verbs.execute(["recv", "app", "--timeout", "1ms"])
    assert "wr_idx is not a multiple of 4" in str(refused.value)


def test_what_is_released_can_be_played_again_and_time_belongs_to_who_asks(machine: Machine) -> None:
    verbs = IcmsgVerbs(lambda: machine)
    assert verbs.execute(["release"]) == "nothing to release: Python plays no core, and holds no emulation"
    verbs.execute(["bond", "app", "net"])
    held = isinstance(machine, Holder) and machine.is_held
    assert verbs.execute(["release", "net"]) == "net is given back: nothing plays it, it is halted"
    with pytest.raises(MonitorError, match="Python does not play net; icmsg release alone gives back all"):
        verbs.execute(["release", "net"])
    lines = verbs.execute(["release"]).splitlines()
    assert lines[0] == "app is given back: nothing plays it, it is halted"
    assert [line.startswith("the emulation is let go, ") for line in lines[1:]] == [True] * held
    assert all(machine.core(name).is_halted for name in ("app", "net"))
    assert not (isinstance(machine, Holder) and machine.is_held)
    assert verbs.execute(["bond", "app", "net"]).count("is bound") == 2
