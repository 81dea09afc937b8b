"""GDB itself, in batch mode, where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from icmsg.assets import stub
from icmsg.monitor import EmbeddedMonitor

ROOT: Final = Path(__file__).parent.parent.parent
GDB: Final = shutil.which("gdb-multiarch") or ""

pytestmark = [
    pytest.mark.skipif(
        not GDB, reason="gdb-multiarch is not installed (Debian: apt-get install gdb-multiarch)"
    ),
    pytest.mark.slow,
]
RUN: Final = (sys.executable, "-m", "icmsg", "run", "--json", "--messages", "20")


def alone(*options: str) -> str:
    done = subprocess.run([*RUN, *options], capture_output=True, text=True, timeout=60, check=True)
    return str(json.loads(done.stdout)["trace_sha256"])


def debugged(tmp_path: Path, *options: str, scripts: list[str]) -> tuple[str, list[str]]:
    """Return the trace hash of a run, and what GDB has printed: one for each server, in the order of the ports."""
    with subprocess.Popen(
        [*RUN, *options, "--gdb", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        gdbs = []
        for number, script in enumerate(scripts):
            told = run.stderr.readline()
            address = re.search(r"target remote (\S+)", told)
            assert address is not None, told
            file = tmp_path / f"{number}.gdb"
            text = f"set pagination off\nset confirm off\n{script}".replace("ADDRESS", address[1])
            file.write_text(text, encoding="utf-8")
            gdbs.append(
                subprocess.Popen(
                    [GDB, "-nx", "-batch", "-x", str(file)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        printed = [gdb.communicate(timeout=90)[0] for gdb in gdbs]
        out, _ = run.communicate(timeout=60)
    return str(json.loads(out)["trace_sha256"]), printed


def test_both_cores_of_the_nrf5340_stop_in_the_stubs_and_run_to_the_end_as_alone(tmp_path: Path) -> None:
    app, net = stub("initiator", "app"), stub("echo", "net")
    options = ("--app", "initiator", "--net", "echo")
    script = f"""
file {app}
add-symbol-file {net}
target remote ADDRESS
info threads
break *link_send
break *link_ring
hbreak *pbuf_read
continue
x/8xb $r1
finish
continue
stepi
info registers
backtrace
thread 2
monitor cpunet PC
monitor icmsg status
delete
watch *(unsigned*)0x20070004
continue
delete
continue
"""
    trace, (printed,) = debugged(tmp_path, *options, scripts=[script])
    assert trace == alone(*options)
    assert "core net echo-net.elf" in printed
    assert "hit Breakpoint" in printed
    assert "in main ()" in printed
    assert re.search(r"xpsr +0x", printed)
    assert "app->net 0x20070000" in printed
    assert re.search(r"Old value = \d+\nNew value = \d+", printed)
    assert "exited normally" in printed
    assert "error" not in printed.lower()


def test_an_m33_and_a_vpr_have_a_gdb_each_and_run_to_the_end_as_alone(tmp_path: Path) -> None:
    options = ("--soc", "nrf54l15", "--app", "echo", "--flpr", "initiator")
    app = f"""
file {stub("echo", "app", "nrf54l15")}
target remote ADDRESS
break *pbuf_write
continue
continue
info registers pc
delete
continue
"""
    flpr = f"""
file {stub("initiator", "flpr", "nrf54l15")}
target remote ADDRESS
break *link_send
continue
backtrace
info registers
info registers mcause
stepi
finish
delete
continue
"""
    trace, (of_app, of_flpr) = debugged(tmp_path, *options, scripts=[app, flpr])
    assert trace == alone(*options)
    for printed in (of_app, of_flpr):
        assert re.search(r"Breakpoint 1, 0x\w+ in (link_send|pbuf_write)", printed), printed
        assert "exited normally" in printed
        assert "error" not in printed.lower()
    assert re.search(r"mcause +0x", of_flpr)
    assert "in main ()" in of_flpr


def test_twenty_breakpoints_and_steps_through_a_loop_change_nothing(tmp_path: Path) -> None:
    app = stub("initiator", "app")
    functions = (
        "link_send",
        "link_receive",
        "link_ring",
        "pbuf_write",
        "pbuf_read",
        "mbox_ring",
        "mbox_acknowledge",
    )
    breaks = "\n".join(f"tbreak *{name}+{offset}" for name in functions for offset in (0, 2, 4))
    script = f"""
file {app}
target remote ADDRESS
{breaks}
continue
continue
continue
stepi 200
detach
"""
    options = ("--app", "initiator", "--net", "echo")
    trace, (printed,) = debugged(tmp_path, *options, scripts=[script])
    assert trace == alone(*options)
    assert printed.count("Temporary breakpoint") > 20


def test_ctrl_c_in_gdb_stops_firmware_that_sleeps(tmp_path: Path) -> None:
    with EmbeddedMonitor(ROOT) as monitor:
        monitor.execute('include @renode/app-python.resc; machine StartGdbServer 0 false "cpunet"')
        selected = monitor.emulation.selected
        assert selected is not None
        assert selected.debugger is not None
        assert selected.soc is not None
        server = selected.debugger.servers[0]
        commands = tmp_path / "commands.gdb"
        commands.write_text(
            f"file {stub('echo', 'net')}\ntarget remote {server.host}:{server.port}\ncontinue\n"
            "info registers pc\nmonitor currentTime\ndetach\n",
            encoding="utf-8",
        )
        with subprocess.Popen(
            [GDB, "-nx", "-batch", "-x", str(commands)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as gdb:
            while server.client is None:
                selected.debugger.serve(0.1)
            began = selected.soc.now_ns
            while selected.soc.now_ns < began + 100_000_000:
                selected.debugger.serve(0)
                selected.run_for(1_000_000, waits=False)
            gdb.send_signal(signal.SIGINT)
            while server.client is not None:
                selected.debugger.serve(0)
                selected.run_for(1_000_000, waits=False)
            printed, _ = gdb.communicate(timeout=30)
    assert "Program received signal SIGINT" in printed
    assert re.search(r"pc +0x1", printed)
    assert "Current virtual time: 00:00:" in printed
