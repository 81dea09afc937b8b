"""Both regions of a link in one memory, and a Monitor with the commands that look at them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fake_monitor import FakeMachine, FakeMonitor

from icmsg.assets import asset
from icmsg.config import RegionLayout
from icmsg.hw.bus import MemoryBus
from icmsg.wire.pbuf import PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

BASE = 0x20070000
NET = 0x20078000
SIZE = 0x800
LAYOUT = RegionLayout.pbuf(SIZE)


def script() -> str:
    """Return the path of the commands."""
    return str(asset("renode/icmsg_monitor.py"))


def remove_fake_modules() -> None:
    """Let no other test find the modules that the Monitor's fake brought in."""
    for name in [name for name in sys.modules if name.split(".")[0] == "Antmicro"]:
        del sys.modules[name]


class Link:
    """Both regions in one memory, and a Monitor that looks at them."""

    def __init__(self) -> None:
        self.memory = bytearray(0x10000)
        self.bus = MemoryBus(self.memory, base=BASE)
        self.monitor = FakeMonitor(FakeMachine(BASE, self.memory))
        self.monitor.include(script())

    def writer(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufWriter:
        writer = PbufWriter(self.bus, address, layout)
        writer.tx_init()
        return writer

    def reader(self, address: int = BASE, layout: RegionLayout = LAYOUT) -> PbufReader:
        reader = PbufReader(self.bus, address, layout)
        reader.rx_init()
        return reader

    def ring(self, core: str = "app", channel: int = 0) -> None:
        self.monitor.Machine["sysbus.ipc" + core].TaskTriggered.fire(None, channel)

    @property
    def log(self) -> list[str]:
        return [text for _, text in self.monitor.log]


def _python2() -> str | None:
    """Return a Python 2.7 that runs; a pyenv shim may be there and run nothing."""
    installed = sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))
    for found in (os.environ.get("ICMSG_PYTHON2"), *map(str, installed), shutil.which("python2.7")):
        if found is not None:
            try:
                probe = subprocess.run([found, "-c", "import json"], capture_output=True, check=False)
            except OSError:
                continue
            if probe.returncode == 0:
                return found
    return None


PYTHON2 = _python2()


def check_python_2(
    link: Link, calls: Sequence[tuple[str, list[object]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """See that a Python 2.7 prints and logs what this one does, for the same calls and a ring of channel 4."""
    assert PYTHON2 is not None
    memory = link.memory.hex()
    for command, arguments in calls:
        link.monitor.call(command, *arguments)
    link.ring(channel=4)
    expected = capsys.readouterr().out + "".join(f"{level} {text}\n" for level, text in link.monitor.log)
    request = {"script": script(), "base": BASE, "memory": memory, "calls": calls, "rings": [4]}
    ran = subprocess.run(
        [PYTHON2, "-B", str(Path(__file__).with_name("fake_monitor.py"))],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stderr, ran.stdout) == ("", expected)
