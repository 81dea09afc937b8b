"""Keywords for backends with several endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from robot_runs import SETTINGS, must_pass, run_suite, run_test

if TYPE_CHECKING:
    from pathlib import Path

BOTH = (
    "Create Machine",
    "Play Core    app    backend={}    endpoints=ep0,ep1",
    "Play Core    net    endpoints=ep0,ep1",
)


def played(backend: str = "icbmsg") -> list[str]:
    return [line.format(backend) for line in BOTH]


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework", "icmsg-me"])
def test_each_endpoint_has_its_own_messages(tmp_path: Path, backend: str) -> None:
    must_pass(
        tmp_path,
        *played(backend),
        "Wait For All Bound    timeout=1 ms",
        "Should Be Bound    app",
        "Send Message    app    one    endpoint=ep1",
        "Send Message    app    two    endpoint=ep0",
        "Expect Message    net    two    endpoint=ep0",
        "Expect Message    net    one    endpoint=ep1",
        "Expect No Message    net    endpoint=ep0",
        "Echo Messages    net",
        "Exchange Messages    app    count=20    endpoint=ep0",
        "Exchange Every Size    app    size_max=200    step=20    endpoint=ep1",
    )


def test_the_other_core_takes_over_blocks_and_generation(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine",
        "Play Core    net    backend=icbmsg    release=3.7    tx_blocks=4    rx_blocks=6    dcache_alignment=32",
        "Play Core    app",
        "Wait For Bound    app    timeout=5 ms    endpoint=ep0",
        "${largest}=    Get Largest Message    app",
        "Fill Region    app    size=200",
        "Sending Should Fail    app    more    ENOMEM",
    )


def test_without_a_name_the_endpoints_there_are_are_said(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *played(), "Wait For All Bound", "Send Message    app    hello")
    assert outcome.message == "which endpoint of app? use endpoint= with one of ep0, ep1"
    outcome = run_test(tmp_path, *played(), "Send Message    app    hello    endpoint=ep7")
    assert outcome.message == "there is no endpoint ep7 on app; use endpoint= with one of ep0, ep1"


def test_a_name_that_the_other_side_does_not_have_is_in_the_report(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app    backend=icbmsg    endpoints=ep0",
        "Play Core    net    endpoints=ep2",
        "Expect Not Bound    app    1 ms",
        "Wait For Bound    app    timeout=1 ms    endpoint=ep0",
    )
    assert not outcome.passed
    assert "bound on app, endpoint ep0 did not happen" in outcome.message
    assert 'net has named endpoint "ep2", and app has none of that name' in outcome.message
    assert (
        "app plays ipc0, endpoint ep0: CONNECTED_SID_DISABLED, not bound; sent 0, received 0"
        in outcome.message
    )


def test_the_rework_tells_that_an_endpoint_has_gone_and_comes_back(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *played("icbmsg-rework"),
        "Wait For All Bound    timeout=1 ms",
        "Close Instance    app    endpoint=ep1",
        "Expect Unbound    net    endpoint=ep1",
        "Reopen Instance    net    endpoint=ep1",
        "Reopen Instance    app    endpoint=ep1",
        "Wait For All Bound    timeout=1 ms",
        "Send Message    app    again    endpoint=ep1",
        "Expect Message    net    again    endpoint=ep1",
    )


def test_blocks_of_a_refused_message_are_lost_to_zephyr(tmp_path: Path) -> None:
    steps = (
        "Create Machine",
        "Play Core    app    backend=icbmsg    tx_blocks=4    rx_blocks=4",
        "Play Core    net{}",
        "Wait For All Bound    timeout=1 ms",
        "Close Instance    net    endpoint=ep0",
        *("Send Message    app    lost",) * 4,
        "Let Time Pass    1 ms",
        "Send Message    app    one more",
    )
    must_pass(tmp_path, *(step.format("") for step in steps))
    leaking = run_test(tmp_path, *(step.format("    refused=leak") for step in steps))
    assert not leaking.passed
    assert "net has read 4 messages of app and not given back the blocks" in leaking.message


def test_regions_of_the_classic_generations_are_decoded_and_written(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *played(),
        "Wait For All Bound    timeout=1 ms",
        "Send Message    app    hello    endpoint=ep1",
        "Region Should Have    app    tx    pending=1",
        "${region}=    Get Region    app    tx",
        "Should Be Equal    ${region}[pending][0]    ${{b'\\x00\\x01\\x00'}}",
        "Region Bytes Should Be    app    tx    0x140    05 00 00 00 68 65 6c 6c 6f",
        "Clear Regions    app",
        "Region Bytes Should Be    net    rx    0x140    00 00 00 00",
    )


def test_queues_are_no_packets(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *played("icbmsg-rework"), "Get Region    app    tx")
    assert (
        "the regions of the rework hold queues and blocks, no packets: use `Read Region`" in outcome.message
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("Play Core    app    endpoints=ep0,ep1", "endpoints is for backends with several endpoints"),
        ("Play Core    app    tx_blocks=4", "tx_blocks is for backends with several endpoints"),
        ("Play Core    app    backend=icbmsg    dts=x.dts", "x.dts: cannot be read"),
        (
            "Play Core    app    backend=icbmsg    unbound=enable",
            "unbound has no meaning for ICBMsg: leave it away",
        ),
        ("Play Core    app    backend=icbmsg-rework    defects=nosuch", 'defects = "nosuch" does not exist'),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, step: str, said: str) -> None:
    outcome = run_test(tmp_path, "Create Machine", step)
    assert said in outcome.message
    assert "\n" not in outcome.message


def test_a_doorbell_is_rung_and_blocked_on_the_channel_of_the_instance(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        *played("icbmsg-rework"),
        "Wait For All Bound    timeout=1 ms",
        "Ring Doorbell    app",
        "Let Time Pass    1 ms",
        "Block Doorbells    app",
        "Send Message    app    unheard    endpoint=ep0",
        "Expect No Message    net    endpoint=ep0",
    )


STUBS = (
    "Create Machine",
    "Load Firmware    app    initiator-icbmsg",
    "Configure Stub    app    messages=20    size_max=100",
    "Load Firmware    net    echo-icbmsg",
    "Start Core    net",
)


@pytest.mark.parametrize("how", ["", "endpoints=ep0,ep1    backend=icbmsg"])
def test_each_endpoint_of_firmware_on_both_cores_is_watched(tmp_path: Path, how: str) -> None:
    must_pass(
        tmp_path,
        *STUBS,
        f"Watch Link    app    {how}",
        "Start Core    app",
        "Wait For Watched Echoes    5    timeout=50 ms    endpoint=ep1",
        "Wait For Watched Echoes    20    timeout=50 ms",
        "${count}=    Get Watched Echo Count    ep0",
        "Should Be Equal As Integers    ${count}    20",
        "${count}=    Get Watched Echo Count",
        "Should Be Equal As Integers    ${count}    40",
        "Run Keyword And Expect Error    endpoint ep7 is not watched; use endpoint= with one of ep0, ep1"
        "    Get Watched Echo Count    ep7",
    )


def test_an_echo_that_differs_is_told_with_its_endpoint(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        *played(),
        "Wait For All Bound",
        "Watch Link    app",
        "Send Message    app    one    endpoint=ep1",
        "Expect Message    net    one    endpoint=ep1",
        "Send Message    net    two    endpoint=ep1",
        "Wait For Watched Echoes    1    timeout=1 ms    endpoint=ep1",
    )
    assert outcome.message.startswith("the watched link is broken: endpoint ep1: ")


def test_endpoints_that_nobody_knows_have_to_be_named(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, "Create Machine", "Watch Link    backend=icbmsg")
    assert outcome.message == "Watch Link: which endpoints? give endpoints= with their names"
    outcome = run_test(tmp_path, "Create Machine", "Watch Link    endpoints=ep0")
    assert outcome.message == "endpoints=ep0: ICMsg has one endpoint, without a name; give backend=, too"


@pytest.mark.parametrize("backend", ["icbmsg", "icbmsg-rework"])
def test_a_trace_follows_the_instance_that_a_test_plays_and_has_its_name(
    tmp_path: Path, backend: str
) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    traces=html")
    steps = (*played(backend), "Wait For All Bound", "Send Message    app    hello    endpoint=ep1")
    lines = "".join(
        f"    {step}\n" for step in (*steps, "Expect Message    net    hello    endpoint=ep1", "Fail")
    )
    (outcome,) = run_suite(tmp_path, f"My Test\n{lines}", settings=settings)
    assert not outcome.passed
    (page,) = (tmp_path / "icmsg-traces").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "<title>Suite.My Test</title>" in text
    assert "#1 ep1:1" in text
    assert "LoadPlatformDescription" not in text


def test_only_blocks_are_held(tmp_path: Path) -> None:
    outcome = run_test(tmp_path, *played("icmsg-me"), "Hold Messages    net")
    assert outcome.message == "only ICBMsg holds messages in their blocks: give backend=icbmsg"
    outcome = run_test(tmp_path, *played(), "Send Held Messages Back    net")
    assert outcome.message.startswith("net holds no message; use `Hold Messages    net` before they are sent")
