"""``Save`` and ``Load``: an emulation goes on from a snapshot exactly as the one that was saved."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from looped import Cases
from typed_paths import typed

from icmsg.errors import MonitorError
from icmsg.monitor import EmbeddedMonitor

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parent.parent.parent
STUBS: Final = "@firmware_stubs/prebuilt"
RUN: Final = 'emulation RunFor "0.0003"'

FIRMWARE: Final = {
    "ICMsg, two Cortex-M33": ["include @renode/nrf5340.resc"],
    "ICMsg, Cortex-M33 and RV32": ["include @renode/nrf54l15.resc"],
    "ICMsg over bellboards": ["include @renode/nrf54h20.resc"],
    "ICBMsg, two Cortex-M33": [
        f"$appelf={STUBS}/initiator-icbmsg-app.elf; $netelf={STUBS}/echo-icbmsg-net.elf",
        "include @renode/nrf5340.resc",
    ],
    "ICBMsg of Zephyr 4.5, Cortex-M33 and RV32": [
        f"$appelf={STUBS}/nrf54l15/initiator-icbmsg-rework-app.elf",
        f"$flprelf={STUBS}/nrf54l15/echo-icbmsg-rework-flpr.elf; include @renode/nrf54l15.resc",
    ],
    "ICBMsg over bellboards": [
        f"$appelf={STUBS}/nrf54h20/initiator-icbmsg-app.elf; $radelf={STUBS}/nrf54h20/echo-icbmsg-rad.elf",
        "include @renode/nrf54h20.resc",
    ],
}

PLAYED: Final = {
    "Python and firmware, ICMsg": ["include @renode/app-python.resc", "icmsg bond app"],
    "Python and RV32, ICMsg": [
        "$apphalted=true; $flprheld=false; include @renode/nrf54l15.resc",
        "icmsg bond app",
    ],
    "Python and firmware over bellboards": [
        "$apphalted=true; $radheld=false; include @renode/nrf54h20.resc",
        "icmsg bond app",
    ],
    "Python and firmware, ICBMsg": [
        f"$netelf={STUBS}/echo-icbmsg-net.elf; include @renode/app-python.resc",
        "icmsg config backend=icbmsg endpoints=ep0",
        "icmsg bond app",
    ],
    "Python on both, ICBMsg": [
        "include @renode/python-python.resc",
        "icmsg config backend=icbmsg-rework endpoints=ep0",
        "icmsg bond app net",
    ],
}


def state(monitor: EmbeddedMonitor) -> dict[str, object]:
    return monitor.manager.state()


def run(monitor: EmbeddedMonitor, commands: Sequence[str]) -> list[str]:
    return [monitor.execute(command) for command in commands]


def goes_on(commands: Sequence[str], after: Sequence[str], file: Path) -> None:
    """Check that what is loaded gives the same answers and comes to the same state."""
    with EmbeddedMonitor(ROOT) as first, EmbeddedMonitor(file.parent) as second:
        run(first, commands)
        selected = first.emulation.selected_name
        first.execute(f"Save {typed(file)}")
        at_save = state(first)
        assert second.execute(f"Load {typed(file)}") == ""
        assert second.emulation.selected is None
        assert state(second) == at_save
        second.execute(f'mach set "{selected}"')
        assert run(second, after) == run(first, after)
        assert state(second) == state(first) != at_save


@pytest.mark.parametrize("name", FIRMWARE)
def test_firmware_on_both_cores_goes_on_with_the_same_events_memory_and_registers(
    name: str, tmp_path: Path
) -> None:
    goes_on([*FIRMWARE[name], RUN], [RUN, "icmsg status"], tmp_path / "x.save")


@pytest.mark.parametrize("name", PLAYED)
def test_python_that_plays_a_core_goes_on_where_its_instance_was(name: str, tmp_path: Path) -> None:
    before = [*PLAYED[name], "icmsg send one app", RUN, "icmsg send two app"]
    other = "net" if "both" in name else "app"
    after = [
        RUN,
        f"icmsg recv {other}",
        f"icmsg recv {other}" if other == "net" else RUN,
        "icmsg send three app",
        RUN,
    ]
    goes_on(before, after, tmp_path / "x.save")


def test_a_snapshot_is_loaded_by_another_process_from_another_folder(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    run(monitor, [*FIRMWARE["ICMsg, Cortex-M33 and RV32"], RUN, f"Save {typed(tmp_path / 'x.save')}", RUN])
    program = (
        "import json, sys; from icmsg.monitor import EmbeddedMonitor\n"
        "m = EmbeddedMonitor(sys.argv[1]); m.execute('Load @x.save')\n"
        f"m.execute('mach set 0'); m.execute({RUN!r}); print(json.dumps(m.manager.state()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == state(monitor)


@pytest.mark.parametrize("at_us", [0, 1, 17, 26, 300, 1234])
def test_it_does_not_matter_when_it_was_saved(at_us: int, tmp_path: Path) -> None:
    before = [*FIRMWARE["ICMsg, two Cortex-M33"], f'emulation RunFor "{at_us / 1e6:.6f}"']
    goes_on(before, [RUN], tmp_path / "x.save")


def test_files_are_kept_as_they_were_when_they_were_read(tmp_path: Path) -> None:
    script, image = tmp_path / "a b.resc", tmp_path / "net.elf"
    echo = (ROOT / "firmware_stubs/prebuilt/echo-net.elf").read_bytes()
    image.write_bytes((ROOT / "firmware_stubs/prebuilt/spin-net.elf").read_bytes())
    load = f"sysbus LoadELF {typed(image)} cpu=cpunet"
    script.write_text(f"include @renode/machine.resc\n{load}\n", encoding="utf-8")
    with EmbeddedMonitor(tmp_path) as first, EmbeddedMonitor(ROOT) as second:
        first.execute(f"include {typed(script)}")
        image.write_bytes(echo)  # built again
        run(first, [load, "cpunet IsHalted false", RUN, f"Save {typed(tmp_path / 'x.save')}"])
        image.unlink()
        script.unlink()
        second.execute(f"Load {typed(tmp_path / 'x.save')}")
        assert state(second) == state(first)


def test_load_leaves_renodes_state_paused_without_names_and_with_the_settings_of_the_session(
    tmp_path: Path,
) -> None:
    file = typed(tmp_path / "x.save")
    with EmbeddedMonitor(ROOT) as first, EmbeddedMonitor(ROOT) as second:
        run(first, ["include @renode/nrf5340.resc", "logLevel 3; numbersMode Decimal; start"])
        first.pump(100_000)
        first.execute(f"Save {file}")
        run(second, ["$mine=1; macro reset \"echo 'x'\"; logLevel -1; include @renode/machine.resc"])
        before = second.log.last(100)
        assert second.execute(f"Load {file}") == ""
        assert not second.is_started
        assert second.log.last(100) == before
        assert second.log.level == -1
        with pytest.raises(MonitorError, match="No such variable"):
            second.execute("echo $mine")
        second.execute('mach set "nrf5340"')
        assert second.execute("cpunet IsHalted") == "False"
        assert second.execute("sysbus ReadByte 0x20000000").startswith("0x")
        assert second.execute("emulation IsStarted") == "False"


def test_load_keeps_the_selected_machine_where_it_is_told_to(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    file = typed(tmp_path / "x.save")
    run(monitor, ["include @renode/machine.resc", f"Save {file}", f"Load {file} true"])
    assert monitor.prompt == "(nrf5340)"
    run(monitor, ["Clear", 'mach create "other"'])
    with pytest.raises(MonitorError, match="Machine was not found in the snapshot"):
        monitor.execute(f"Load {file} preserveState=true")


def test_a_snapshot_of_what_was_loaded_is_one_of_both(tmp_path: Path) -> None:
    one, two = typed(tmp_path / "1.save"), typed(tmp_path / "2.save")
    with EmbeddedMonitor(ROOT) as first, EmbeddedMonitor(tmp_path) as second:
        run(first, [*FIRMWARE["ICMsg, two Cortex-M33"], RUN, f"Save {one}", RUN])
        run(second, [f"Load {one}", "mach set 0", RUN, f"Save {two}", f"Load {two}", f"Load {two}"])
        assert state(second) == state(first)
        run(second, ["mach set 0", RUN, f"Save {one}", f"Load {one}"])
        first.execute(RUN)
        assert state(second) == state(first)


def test_a_script_saves_loads_and_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "s.resc"
    save, last = typed(tmp_path / "x.save"), typed(tmp_path / "y.save")
    script.write_text(
        f"include @renode/nrf5340.resc\n{RUN}\nSave {save}\n{RUN}\nLoad {save}\nmach set 0\n{RUN}\n{RUN}\n{RUN}\n",
        encoding="utf-8",
    )
    with EmbeddedMonitor(ROOT) as first, EmbeddedMonitor(ROOT) as second:
        run(first, [f"include {typed(script)}", f"Save {last}"])
        second.execute(f"Load {last}")
        assert state(second) == state(first)
        second.execute(f"Load {save}")
        second.execute(f"mach set 0; {'; '.join([RUN] * 3)}")
        assert state(second) == state(first)


def test_time_that_python_and_front_ends_let_pass_is_in_it(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    run(monitor, ["include @renode/nrf5340.resc", "start"])
    for _ in range(40):
        monitor.pump(10_000)
    machine = monitor.machine
    assert machine is not None
    asked = iter(range(50))
    machine.run_until(lambda: next(asked) == 33, timeout_ns=1_000_000)
    machine.run_for(1234)
    saved = state(monitor)
    monitor.execute(f"Save {typed(tmp_path / 'x.save')}")
    head = json.loads(zipfile.ZipFile(tmp_path / "x.save").read("snapshot.json"))
    assert [entry["times"] for entry in head["entries"] if entry["do"] == "advance"] == [40]
    with EmbeddedMonitor(ROOT) as other:
        other.execute(f"Load {typed(tmp_path / 'x.save')}")
        assert state(other) == saved


def test_bytes_from_outside_and_a_hub_are_in_it(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    run(
        monitor,
        ["include @renode/nrf5340.resc", 'emulation CreateUARTHub "hub"; connector Connect uartapp hub'],
    )
    run(monitor, ["connector Connect uartnet hub", RUN, 'uartnet WriteLine "typed"', RUN])
    uart, *_ = monitor.emulation.machines["nrf5340"].devices["sysbus.uartapp"].parts
    uart.send(b"a keyword's")
    run(monitor, [RUN, f"Save {typed(tmp_path / 'x.save')}", RUN])
    with EmbeddedMonitor(ROOT) as other:
        run(other, [f"Load {typed(tmp_path / 'x.save')}", "mach set 0", RUN])
        assert state(other) == state(monitor)
        inputs = [
            [w.data for w in m.machine.core("app").console.inputs] for m in (monitor, other) if m.machine
        ]
        assert inputs[0] == inputs[1] != []
        assert "hub" in other.emulation.terminals


def test_what_is_beside_the_emulation_is_not_in_it(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    file = typed(tmp_path / "x.save")
    log, uart = tmp_path / "log.txt", tmp_path / "uart.txt"
    run(
        monitor,
        [f"logFile {typed(log)}", "include @renode/nrf5340.resc", f"uartnet CreateFileBackend {typed(uart)}"],
    )
    run(monitor, ['emulation CreateServerSocketTerminal 0 "term"; connector Connect uartnet term', RUN])
    vcd = (tmp_path / "t.vcd").as_posix()
    trace = f'icmsg trace "{vcd}"'
    run(monitor, ["machine StartGdbServer 0", trace, RUN, f"Save {file}"])
    written = {path.name: path.read_bytes() for path in (log, uart)}
    with EmbeddedMonitor(ROOT) as other:
        run(other, [f"Load {file}", "mach set 0", RUN])
        assert not other.emulation.terminals
        assert other.emulation.machines["nrf5340"].debugger is None
    assert {path.name for path in tmp_path.iterdir()} == {"x.save", "log.txt", "uart.txt", "t.vcd"}
    assert log.read_bytes() == written["log.txt"]


def test_what_a_person_types_in_the_middle_of_a_run_comes_at_the_same_place(
    monitor: EmbeddedMonitor, tmp_path: Path
) -> None:
    run(monitor, ["include @renode/nrf5340.resc", 'emulation CreateServerSocketTerminal 0 "t" false'])
    run(monitor, ["connector Connect uartnet t", RUN])
    port = int(monitor.execute("t Port").split()[0], 0)
    with socket.create_connection(("127.0.0.1", port)) as person:
        monitor.attend()
        person.sendall(b"while it waits")
        _until_sent(monitor, b"while it waits")
        person.sendall(b"while it runs")
        _until_sent(monitor, b"while it runs", RUN)
    run(monitor, [RUN, f"Save {typed(tmp_path / 'x.save')}", RUN])
    with EmbeddedMonitor(ROOT) as other:
        run(other, [f"Load {typed(tmp_path / 'x.save')}", "mach set 0", RUN])
        assert state(other) == state(monitor)
        first, second = (
            m.machine.core("net").console.inputs for m in (monitor, other) if m.machine is not None
        )
        assert first == second


def _until_sent(monitor: EmbeddedMonitor, data: bytes, command: str = "") -> None:
    assert monitor.machine is not None
    inputs = monitor.machine.core("net").console.inputs
    for _ in range(1000):
        monitor.execute(command) if command else monitor.attend()
        if b"".join(each.data for each in inputs).endswith(data):
            return
    raise AssertionError("what was typed did not come")


def test_a_run_that_ctrl_c_ended_ends_at_the_same_place(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    monitor.execute("include @renode/nrf5340.resc")
    assert monitor.machine is not None
    events = itertools.count()
    stop = monitor.machine.events.add_sink(
        lambda _event: signal.raise_signal(signal.SIGINT) if next(events) == 500 else None
    )
    with pytest.raises(KeyboardInterrupt):
        monitor.execute('emulation RunFor "3600"')
    stop()
    run(monitor, [RUN, f"Save {typed(tmp_path / 'x.save')}", RUN])
    with EmbeddedMonitor(ROOT) as other:
        run(other, [f"Load {typed(tmp_path / 'x.save')}", "mach set 0", RUN])
        assert state(other) == state(monitor)


# Python of scripts


def test_python_of_hooks_runs_again_and_only_where_it_may(tmp_path: Path) -> None:
    file = typed(tmp_path / "x.save")
    hook = 'cpunet AddHook `sysbus GetSymbolAddress "main" context=cpunet` "self.R7 = 5"'
    with EmbeddedMonitor(ROOT) as first, EmbeddedMonitor(ROOT) as second:
        run(first, ["include @renode/nrf5340.resc", hook, RUN, f"Save {file}"])
        saved = state(first)
        first.execute(f"Load {file}")
        assert state(first) == saved
        second.execute(f"Load {file} python=true")
        assert state(second) == saved
    program = "import sys; from icmsg.monitor import EmbeddedMonitor\nEmbeddedMonitor().execute(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, f"Load {file}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "runs Python of scripts, which can do anything on this computer" in done.stderr
    assert "python=true if you know where it comes from" in done.stderr
    with (
        EmbeddedMonitor(ROOT, python=False) as third,
        pytest.raises(MonitorError, match="started with --no-python"),
    ):
        third.execute(f"Load {file} python=true")


def test_python_that_a_snapshot_hides_does_not_run(monitor: EmbeddedMonitor, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    run(
        monitor,
        [
            "include @renode/machine.resc",
            f"python \"open({str(victim)!r}, 'w').close()\"",
            f"Save {typed(tmp_path / 'x')}",
        ],
    )
    victim.unlink()
    change(tmp_path / "x", lambda head: head.update(python=""))
    with EmbeddedMonitor(ROOT) as other:
        other.execute(f"Load {typed(tmp_path / 'x')}")  # Python that changed no machine is not missed
    assert not victim.exists()


def test_a_snapshot_writes_and_reads_nothing_outside(tmp_path: Path) -> None:
    secret, target = tmp_path / "secret", tmp_path / "target"
    secret.write_bytes(b"12345678")
    with EmbeddedMonitor(ROOT) as monitor:
        run(monitor, ["include @renode/machine.resc", f"Save {typed(tmp_path / 'x')}"])
    commands = [
        f"logFile {typed(target)}",
        f"uartnet CreateFileBackend {typed(target)}",
        f"Save {typed(target)}",
        f"icmsg trace {target}.vcd",
        f"sysbus LoadBinary {typed(secret)} 0x20000000",
        f'sysbus LoadBinary "{secret.as_posix()}" 0x20000000',
        "sysbus LoadBinary @../../../../../../../../etc/hosts 0x20000000",
    ]

    def add(head: dict[str, list[object]]) -> None:
        head["entries"][-1:-1] = [{"do": "execute", "text": command} for command in commands]

    change(tmp_path / "x", add)
    with EmbeddedMonitor(ROOT) as other:
        run(other, [f"Load {typed(tmp_path / 'x')}", "mach set 0"])
        assert other.execute("sysbus ReadQuadWord 0x20000000") == "0x0000000000000000"
        assert other.execute("lastLog 5") == ""
        other.verbs.close()
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "x"}


# What is refused


def change(path: Path, edit: object) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    head = json.loads(parts["snapshot.json"])
    edit(head)  # type: ignore[operator]
    parts["snapshot.json"] = json.dumps(head).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_what_changes_a_machine_behind_the_monitor_is_noticed_and_nothing_is_written(
    soc: EmbeddedMonitor, tmp_path: Path
) -> None:
    assert soc.machine is not None
    soc.machine.core("net").bus.write32(0x2000_0000, 5)
    with pytest.raises(
        MonitorError, match=r"(?s)Error encountered during saving.*another run of nrf5340: Save knows"
    ):
        soc.execute(f"Save {typed(tmp_path / 'x.save')}")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_snapshots_are_refused_in_words(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    good = tmp_path / "good"
    soc.execute(f"Save {typed(good)}")
    data = good.read_bytes()
    made = {
        "empty": (b"", "it is no snapshot, or damaged"),
        "text": (b"hello", "it is no snapshot, or damaged"),
        "cut": (data[: len(data) // 2], "it is no snapshot, or damaged"),
        "changed": (data[:200] + bytes((data[200] ^ 1,)) + data[201:], "damaged"),
        "renode": (
            b"\x32\x66\x34\x03\x00\x10\x00Renode, version 1.16.1.123 (abc)" + bytes(99),
            "only Renode can load",
        ),
    }
    edits = {
        "version": (
            lambda head: head.update(version="0.0.1"),
            "Snapshot version: icmsg 0.0.1. Your version: icmsg",
        ),
        "kind": (lambda head: head.update(kind="x"), "an archive of something else"),
        "no list": (lambda head: head.update(entries=5), "its description is damaged"),
        "unknown": (lambda head: head["entries"].append({"do": "system"}), "its description is damaged"),
        "negative": (
            lambda head: head["entries"].append({"do": "advance", "ns": -1, "waits": True}),
            "damaged",
        ),
        "a file": (lambda head: head["entries"][1]["files"].update(x="00"), "its description is damaged"),
        "out": (
            lambda head: head["entries"][1]["files"].update(
                {"../x": next(iter(head["entries"][1]["files"].values()))}
            ),
            "a name leads out of its folder",
        ),
        "state": (
            lambda head: head["state"]["machines"]["nrf5340"].update(time=1),
            "comes to another time of nrf5340",
        ),
    }
    before = state(soc)
    with Cases() as cases:
        for name, (content, text) in made.items():
            (tmp_path / name).write_bytes(content)
            with cases.case(name), pytest.raises(MonitorError) as refused:
                soc.execute(f"Load {typed(tmp_path / name)}")
            assert text in str(refused.value), name
            assert state(soc) == before, name
        for name, (edit, text) in edits.items():
            (tmp_path / name).write_bytes(data)
            change(tmp_path / name, edit)
            with cases.case(name), pytest.raises(MonitorError) as refused:
                soc.execute(f"Load {typed(tmp_path / name)}")
            assert text in str(refused.value), name
    with pytest.raises(MonitorError, match="File does not exist"):
        soc.execute("Load @nothing.save")


def test_saving_where_it_cannot_be_is_refused_in_words(soc: EmbeddedMonitor, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(MonitorError, match="cannot be written"):
        soc.execute(f"Save {typed(tmp_path / 'folder')}")
    assert soc.machine is not None
    with EmbeddedMonitor.over(soc.machine) as shown:
        for command in ("Save", "Load"):
            (tmp_path / "x").touch()
            with pytest.raises(MonitorError, match="made by Python"):
                shown.execute(f"{command} {typed(tmp_path / 'x')}")
