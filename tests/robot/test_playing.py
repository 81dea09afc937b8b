"""Keywords that open instances, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot_runs import must_pass, run_test

if TYPE_CHECKING:
    from pathlib import Path

DTS = """
/dts-v1/;
/ {
    soc {
        mbox: mbox@0 { #mbox-cells = <1>; };
    };
    reserved-memory {
        #address-cells = <1>;
        #size-cells = <1>;
        ranges;
        tx: memory@20070000 { reg = <0x20070000 0x1000>; };
        rx: memory@20078000 { reg = <0x20078000 0x1000>; };
    };
    ipc {
        ipc0: ipc0 {
            compatible = "zephyr,ipc-icmsg";
            tx-region = <&tx>;
            rx-region = <&rx>;
            dcache-alignment = <32>;
            mboxes = <&mbox 4>, <&mbox 5>;
            mbox-names = "tx", "rx";
            unbound = "enable";
        };
    };
};
"""


def devicetree(folder: Path) -> Path:
    path = folder / "zephyr.dts"
    path.write_text(DTS, encoding="utf-8")
    return path


def test_an_instance_is_opened_from_a_devicetree_and_its_mirror_on_the_other_core(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        f"Play Core    app    dts={devicetree(tmp_path)}",
        f"Play Core    net    dts={devicetree(tmp_path)}    dts_of=app",
        "Wait For All Bound    timeout=1 ms",
        "${state}=    Get Instance State    net",
        "Should Be Equal    ${state}    CONNECTED_SID_ENABLED",
        "${largest}=    Get Largest Message    app",
        "Should Be Equal As Integers    ${largest}    ${{0x1000 - 36 - 8}}",
        "Send Message    app    hello",
        "Expect Message    net    hello",
        "Region Should Have    net    rx    rd_idx=12",
    )


def test_a_stub_follows_the_devicetree_of_the_other_core(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Load Firmware    net    echo-enable",
        f"Play Core    app    dts={devicetree(tmp_path)}",
        "Configure Stub    net",
        "Start Core    net",
        "Wait For Bound    app    timeout=10 ms",
        "Exchange Messages    app    count=5",
    )


def test_a_devicetree_and_its_properties_exclude_each_other(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path, "Create Machine", f"Play Core    app    dts={devicetree(tmp_path)}    unbound=detect"
    )
    assert outcome.message.startswith(
        "unbound and a devicetree exclude each other: the devicetree says it already"
    )


def test_a_release_tells_how_a_side_bonds(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app    release=3.5",
        "${state}=    Get Instance State    app",
        "Should Be Equal    ${state}    BUSY",
        "Play Core    net",
        "Wait For All Bound    timeout=10 ms",
        "Send Message    app    x",
        "Expect Message    net    x",
        "Play Core    app    ipc1    release=2.7",
    )
    assert outcome.message.startswith("release '2.7': ICMsg came with Zephyr 3.1")


def test_files_beside_the_devicetree_need_the_devicetree(tmp_path: Path) -> None:
    for argument in ("kconfig=prj.conf", "dts_of=net"):
        outcome = run_test(tmp_path, "Create Machine", f"Play Core    app    {argument}")
        assert outcome.message == f"{argument.split('=')[0]} goes with dts: give the devicetree, too"


def test_a_stub_is_configured_before_it_starts(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Run Firmware    net    echo", "Configure Stub    net")
    assert outcome.message.startswith(
        "core net runs already; use `Configure Stub` between `Load Firmware` and"
    )


def test_an_instance_has_one_name_on_a_core(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Play Core    app", "Play Core    app")
    assert outcome.message.startswith(
        "app has the instance ipc0 already; use `Reopen Instance`, or give another name"
    )


def test_two_instances_cannot_share_a_channel(tmp_path: Path) -> None:
    second = "tx_region=0x20071000:0x800    rx_region=0x20079000:0x800"
    outcome = run_test(
        tmp_path, "Create Machine", "Play Core    app", f"Play Core    app    ipc1    {second}"
    )
    assert "two instances receive on mailbox channel 1" in outcome.message


def test_of_several_instances_one_has_to_be_named(tmp_path: Path) -> None:
    second = "tx_region=0x20071000:0x800    rx_region=0x20079000:0x800    tx_channel=2    rx_channel=3"
    start = ("Create Machine", "Play Core    app", f"Play Core    app    ipc1    {second}")
    outcome = run_test(tmp_path, *start, "Send Message    app    x")
    assert outcome.message.startswith("which instance of app?; use instance= with one of ipc0, ipc1")
    outcome = run_test(tmp_path, *start, "Send Message    app    x    instance=ipc7")
    assert outcome.message.startswith(
        "there is no instance ipc7 on app; use instance= with one of ipc0, ipc1"
    )


def test_a_core_that_runs_firmware_cannot_be_played(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Run Firmware    app    echo", "Play Core    app")
    assert "core app runs firmware; halt it before Python plays it" in outcome.message.splitlines()[0]


def test_a_core_that_python_plays_cannot_be_halted(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Play Core    app", "Halt Core    app")
    assert outcome.message.startswith("core app is played by Python and cannot be halted")


def test_messages_can_be_text_hex_bytes_and_files(tmp_path: Path) -> None:
    (tmp_path / "frame.bin").write_bytes(b"\x00\xff")
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app",
        "Play Core    net",
        "Wait For All Bound",
        "Send Message    app    grüße",
        "Expect Message    net    67 72 c3 bc c3 9f 65    encoding=hex",
        f"Send Message    app    {tmp_path}/frame.bin    encoding=file",
        "Expect Message    net    ${{b'\\x00\\xff'}}",
        "Send Message    net    ${{bytes(range(5))}}",
        "${got}=    Receive Message    app",
        "Should Be Equal    ${got}    ${{bytes(range(5))}}",
        "Send Message    app    0g    encoding=hex",
    )
    assert outcome.message.startswith("'0g' is not hexadecimal: use two digits for each byte, as in 68 65 6c")


def test_memory_and_symbols_of_an_image(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Run Firmware    net    echo",
        "Play Core    app",
        "Wait For Bound    app",
        "Let Time Pass    1 ms",
        "Firmware Word Should Be    net    icmsg_stats    1    offset=16",
        "Wait For Firmware Word    net    icmsg_stats    1    offset=16    width=8",
        "${word}=    Get Firmware Word    net    icmsg_stats    offset=8",
        "Should Be Equal As Integers    ${word}    1",
        "Write Memory    app    0x20070100    01 02",
        "${bytes}=    Read Memory    net    0x20070100    2",
        "Should Be Equal    ${bytes}    ${{bytes([1, 2])}}",
        "Get Firmware Word    net    nosuch",
    )
    assert "no symbol 'nosuch'; was it stripped, or optimised away?" in outcome.message.splitlines()[0]
