"""A platform with other names, another order or more cores works wherever the shipped one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command import icmsg
from robot_runs import run_test

from icmsg.assets import stub
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.engines.remote.machine import RemoteMachine
from icmsg.engines.renode.machine import RenodeMachine
from icmsg.errors import FirmwareError
from icmsg.link.exchange import Exchange
from icmsg.link.link import default_link
from icmsg.link.played_instance import Peer
from icmsg.link.workload import Workload
from icmsg.machine.image import FirmwareImage
from icmsg.monitor import EmbeddedMonitor
from icmsg.monitor.search_path import platform_commands
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from pathlib import Path

    from icmsg.machine.machine import Machine

Capture = pytest.CaptureFixture[str]

ROLES = ("app", "net")


def exchange(machine: Machine, programs: tuple[str | None, str | None]) -> None:
    """Exchange 20 messages on a machine's link; who plays it are stubs by name, or None for Python."""
    link = default_link(machine.soc)
    sides = {
        core: None if program is None else FirmwareImage.load(stub(program, role))
        for core, role, program in zip(link.cores, ROLES, programs, strict=True)
    }
    result = Exchange(machine, sides, link.configs[link.first], Workload(messages=20)).run()
    assert result.problems == ()
    assert result.messages_received == 20


@pytest.mark.parametrize(
    "programs", [(None, "echo"), ("initiator", None), ("initiator", "echo"), (None, None)]
)
def test_every_pairing_exchanges_messages(platform: Path, programs: tuple[str | None, str | None]) -> None:
    with EmbeddedMachine(platform) as machine:
        exchange(machine, programs)


@pytest.mark.usefixtures("fake_renode")
def test_python_exchanges_messages_with_a_stub_on_renode(platform: Path) -> None:
    with RenodeMachine(platform, quantum_ns=1_000) as machine:
        exchange(machine, (None, "echo"))


def test_an_image_of_the_other_core_is_refused_by_where_it_loads(
    platform: Path, name: str, cores: tuple[str, str]
) -> None:
    app, net = cores
    with EmbeddedMachine(platform) as machine:
        with pytest.raises(FirmwareError, match=rf"linked for core {net}: load it there \(--{net}\)"):
            machine.core(app).load(stub("echo", "net"))
        if "third" not in name:  # where three cores reach a flash, nobody can know whose it is
            with pytest.raises(FirmwareError, match=rf"linked for core {app}: load it there \(--{app}\)"):
                machine.core(net).load(stub("echo", "app"))


def test_run_has_options_with_the_names_of_the_cores(
    capsys: Capture, platform: Path, cores: tuple[str, str]
) -> None:
    first, second = cores
    run = ("run", "--json", "--engine", "embedded", "--messages", "20", "--platform", platform)
    for options in ((), (f"--{first}", "initiator", f"--{second}", "python"), ("--initiator", first)):
        found = icmsg(capsys, *run, *options)
        assert found.err == ""
        assert found.json["ok"]
        assert list(found.json["cores"]) == [first, second]
        assert set(found.json["consoles"]) >= {first, second}


def test_help_of_run_names_the_cores_of_the_platform(
    capsys: Capture, platform: Path, cores: tuple[str, str]
) -> None:
    printed = icmsg(capsys, "run", "--platform", platform, "--help").out
    for core in cores:
        assert f"--{core} WHO" in printed
        assert f"--{core}-dts FILE" in printed


def test_a_core_that_the_platform_does_not_have_is_compared_with_those_it_has(
    capsys: Capture, tmp_path: Path
) -> None:
    import platforms

    path = platforms.write_platform("words", tmp_path)
    found = icmsg(capsys, "run", "--platform", path, "--radoi", "echo")
    assert found.code == 2
    assert "--radoi" in found.err
    assert "did you mean --radio?" in found.err


def test_a_third_core_with_a_mailbox_can_be_an_end_of_the_link(capsys: Capture, tmp_path: Path) -> None:
    import platforms

    path = platforms.write_platform("third-mailbox", tmp_path)
    found = icmsg(
        capsys,
        "run",
        "--json",
        "--engine",
        "embedded",
        "--platform",
        path,
        "--aux",
        "python",
        "--app",
        "echo",
    )
    assert found.json["ok"]
    assert found.json["cores"] == {"app": "echo", "aux": "python"}


def test_a_third_core_without_a_mailbox_is_no_end_of_a_link(capsys: Capture, tmp_path: Path) -> None:
    import platforms

    path = platforms.write_platform("third", tmp_path)
    found = icmsg(capsys, "run", "--platform", path, "--aux", "python")
    assert found.code == 2
    assert "core aux has no mailbox in this platform; cores with one: app, net" in found.err


def verbs_say(monitor: EmbeddedMonitor, line: str) -> str:
    return monitor.execute(f"icmsg {line}")


def test_the_verbs_take_the_names_of_the_cores_and_of_their_devices(
    platform: Path, cores: tuple[str, str]
) -> None:
    first, second = cores
    with EmbeddedMonitor() as monitor:
        for command in platform_commands(platform):
            monitor.execute(command)
        machine = monitor.machine
        assert machine is not None
        machine.core(second).load(stub("echo", "net"))
        machine.core(second).start()
        assert verbs_say(monitor, f"bond {first}").startswith(f"{first} is bound")
        assert f"{first}->{second} 5 bytes" in verbs_say(monitor, "send hello")
        assert "|hello|" in verbs_say(monitor, f"recv {first}")
        status = verbs_say(monitor, "status")
        for core in cores:
            port = machine.soc.cores[core].port
            assert port is not None
            assert f"{port.name}: INTEN=" in status
            assert verbs_say(monitor, f"dump {port.name} 1") == verbs_say(monitor, f"dump {core} 1")
        assert "halt it first" in _refused(monitor, f"bond {second}")
        assert machine.soc.cores[second].cpu in _refused(monitor, f"bond {second}")
        assert "or an address." in " ".join(verbs_say(monitor, "help dump").split())
        assert f"{first}->{second}" in verbs_say(monitor, "help dump")
        assert f"icmsg bond {first}" in monitor.complete("icmsg bond ")


def _refused(monitor: EmbeddedMonitor, line: str) -> str:
    from icmsg.errors import MonitorError

    with pytest.raises(MonitorError) as error:
        verbs_say(monitor, line)
    return str(error.value)


def test_the_verbs_join_two_other_cores_when_they_are_told_to(tmp_path: Path) -> None:
    import platforms

    with EmbeddedMonitor() as monitor:
        for command in platform_commands(platforms.write_platform("third-mailbox", tmp_path)):
            monitor.execute(command)
        assert "icmsg config cores=aux,net joins others" in _refused(monitor, "bond aux")
        verbs_say(monitor, "config cores=app,aux")
        assert "app is bound" in verbs_say(monitor, "bond app aux")
        assert "app->aux 2 bytes" in verbs_say(monitor, "send hi app")
        assert "has no mailbox" not in verbs_say(monitor, "status")


def test_the_monitor_makes_a_machine_of_a_platform_file(
    capsys: Capture, platform: Path, cores: tuple[str, str]
) -> None:
    found = icmsg(capsys, "monitor", "--engine", "embedded", "--platform", platform, "-e", "icmsg status")
    assert found.err == ""
    for core in cores:
        assert f"{core}: halted" in found.out


def test_verbs_work_where_there_is_nothing_but_a_monitor(platform: Path, cores: tuple[str, str]) -> None:
    with EmbeddedMonitor() as monitor:
        for command in platform_commands(platform):
            monitor.execute(command)
        machine = RemoteMachine(monitor, platform)
        machine.core(cores[1]).load(stub("echo", "net"))
        machine.core(cores[1]).start()
        verbs = IcmsgVerbs(lambda: machine)
        assert verbs.execute(["bond", cores[0]]).startswith(f"{cores[0]} is bound")
        assert f"0x2007{0:04X}" in verbs.execute(["status"])
        machine.close()


def test_keywords_take_the_names_of_the_cores(platform: Path, cores: tuple[str, str], tmp_path: Path) -> None:
    first, second = cores
    outcome = run_test(
        tmp_path,
        f"Create Machine    platform={platform}",
        f"Run Firmware    {second}    echo",
        f"Play Core    {first}",
        f"Wait For Bound    {first}    timeout=10 ms",
        f"Exchange Messages    {first}    20",
        f"Drop Doorbells    {first}",
        f"Send Message    {first}    hello",
        f"Ring Doorbell    {first}",
        f"Expect Message    {first}    hello",
        f"Region Should Be Empty    {first.upper()}    tx",
    )
    assert outcome.passed, outcome.message


def test_a_keyword_names_the_cores_there_are(tmp_path: Path) -> None:
    import platforms

    path = platforms.write_platform("words", tmp_path)
    outcome = run_test(tmp_path, f"Create Machine    platform={path}", "Play Core    app")
    assert outcome.message == "no core 'app'; the platform has main, radio"


def test_a_failure_of_a_test_names_the_mailboxes_of_the_platform(
    platform: Path, cores: tuple[str, str], tmp_path: Path
) -> None:
    outcome = run_test(
        tmp_path,
        f"Create Machine    platform={platform}",
        f"Play Core    {cores[0]}",
        f"Wait For Bound    {cores[0]}    timeout=1 ms",
    )
    with EmbeddedMachine(platform) as machine:
        ports = [machine.core(core).mailbox_port.name for core in cores]
    for port in ports:
        assert f"{port}: INTEN=" in outcome.message


def test_peers_of_the_plugin_have_the_instance_of_their_place_on_the_link(
    platform: Path, cores: tuple[str, str]
) -> None:
    with EmbeddedMachine(platform) as machine:
        link = default_link(machine.soc)
        peers = [Peer(machine, machine.core(core), link.configs[core]) for core in cores]
        for peer in peers:
            peer.wait_for_bound()
        peers[1].send(b"up")
        assert peers[0].receive() == b"up"
