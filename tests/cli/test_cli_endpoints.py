"""`icmsg run` over several endpoints: ICBMsg of each generation, and icmsg_me."""

from __future__ import annotations

import pytest
from command import icmsg
from looped import for_each

Capture = pytest.CaptureFixture[str]
BACKENDS = ("icbmsg", "icbmsg-rework", "icmsg-me")
SHORT = ("--messages", "20", "--endpoints", "ep0,ep1")


@pytest.mark.parametrize("soc", ["nrf5340", "nrf54l15", "nrf54h20"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_each_endpoint_exchanges_all_messages(capsys: Capture, backend: str, soc: str) -> None:
    found = icmsg(capsys, "run", "--soc", soc, "--backend", backend, *SHORT, "--json")
    run = found.json
    assert (found.code, found.err, run["problems"]) == (0, "", [])
    assert (run["messages_sent"], run["messages_received"], run["mismatches"]) == (40, 40, 0)
    assert [endpoint["name"] for endpoint in run["endpoints"]] == ["ep0", "ep1"]
    for endpoint in run["endpoints"]:
        assert endpoint["bound"] is True
        assert endpoint["messages_received"] == endpoint["messages_expected"] == 20
    one, other = run["endpoints"]
    assert one["bytes_received"] != other["bytes_received"], "each has contents of its own"


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_runs_have_the_same_trace_and_other_contents_another(capsys: Capture, backend: str) -> None:
    arguments = ("run", "--backend", backend, *SHORT, "--json")
    traces = [icmsg(capsys, *arguments).json["trace_sha256"] for _ in range(2)]
    assert traces[0] == traces[1] != icmsg(capsys, *arguments, "--seed", "2").json["trace_sha256"]


def test_the_trace_tells_endpoints_apart(capsys: Capture) -> None:
    def trace(endpoints: str) -> str:
        found = icmsg(
            capsys, "run", "--backend", "icbmsg", "--endpoints", endpoints, "--messages", "0", "--json"
        )
        assert isinstance(found.json["trace_sha256"], str)
        return found.json["trace_sha256"]

    assert trace("ep0") != trace("ep0,ep1")


def test_icmsg_has_no_endpoints_in_its_json(capsys: Capture) -> None:
    run = icmsg(capsys, "run", "--messages", "1", "--json").json
    assert run["endpoints"] == []
    assert run["options"]["backend"] == "icmsg"


def test_the_table_has_a_line_for_each_endpoint(capsys: Capture) -> None:
    found = icmsg(capsys, "run", "--backend", "icbmsg", *SHORT)
    assert found.code == 0
    assert "ICBMsg exchange" in found.out
    assert "endpoint ep0" in found.out
    assert "endpoint ep1" in found.out
    assert "20 of 20 messages" in found.out


def test_messages_of_many_blocks_come_back(capsys: Capture) -> None:
    size = ("--tx-blocks", "8", "--rx-blocks", "4", "--size", "500:900", "--window", "1")
    run = icmsg(capsys, "run", "--backend", "icbmsg", *size, "--messages", "10", "--json").json
    assert (run["ok"], run["messages_received"]) == (True, 10)


@pytest.mark.parametrize("release", ["3.7", "4.1"])
def test_a_release_says_which_generation(capsys: Capture, release: str) -> None:
    found = icmsg(capsys, "run", "--backend", "icbmsg", "--release", release, *SHORT)
    assert found.code == 0


def test_the_other_core_may_send_first(capsys: Capture) -> None:
    run = icmsg(capsys, "run", "--backend", "icbmsg", *SHORT, "--initiator", "net", "--json").json
    assert [endpoint["initiator"] for endpoint in run["endpoints"]] == ["net", "net"]
    assert run["ok"] is True


def test_bonding_alone_says_when_each_endpoint_was_bound(capsys: Capture) -> None:
    found = icmsg(capsys, "run", "--backend", "icbmsg", "--endpoints", "ep0,ep1", "--messages", "0")
    assert found.code == 0
    assert found.out.count("bound after") == 2


@for_each(
    ("arguments", "said"),
    [
        (
            ("--endpoints", "ep0,ep1"),
            "--endpoints is for backends with several endpoints: add --backend icbmsg",
        ),
        (("--tx-blocks", "4"), "--tx-blocks is for backends with several endpoints: add --backend icbmsg"),
        (
            ("--backend", "icmsg-me", "--net", "echo"),
            "--net echo: this firmware stub does not speak icmsg-me",
        ),
        (
            ("--backend", "icbmsg", "--net", "echo-icbmsg-rework"),
            "does not speak icbmsg; give python, the path of your image, or echo-icbmsg, initiator-icbmsg",
        ),
        (
            ("--backend", "icbmsg", "--net", "echo", "--endpoints", "a,b,c,d,e"),
            "5 endpoints: a firmware stub has at most 4",
        ),
        (("--net", "echo-icbmsg"), "this stub speaks ICBMsg (generation 4.1), not ICMsg"),
        (("--backend", "icbmsg", "--app", "echo", "--net", "echo"), "nobody sends first: cores app, net"),
        (
            ("--backend", "icbmsg", "--app", "initiator", "--net", "initiator"),
            "core net runs the stub initiator, which sends first and never sends back",
        ),
        (
            ("--backend", "icbmsg", "--net", "echo", "--initiator", "net"),
            "core net shall initiate, but the stub echo never sends first",
        ),
        (
            ("--backend", "icbmsg", "--net", "initiator", "--messages", "any"),
            "--messages any is for firmware of yours",
        ),
        (("--backend", "icbmsg", "--endpoints", "ep0,ep0"), "give at least one, and each name once"),
        (("--backend", "icbmsg", "--messages", "any"), "--messages any is for firmware of yours"),
        (("--backend", "icbmsg", "--unbound", "enable"), "--unbound has no effect on icbmsg: leave it away"),
        (
            ("--backend", "icbmsg", "--app-kconfig", "x.config"),
            "--app-kconfig goes with --app-dts: give the devicetree, too",
        ),
        (
            ("--backend", "icbmsg", "--release", "3.3"),
            "release 3.3 has no ICBMsg, which came with Zephyr 3.6",
        ),
        (("--backend", "icbmsg-rework", "--release", "4.1"), "exclude each other: leave one away"),
        (("--backend", "icbmsg-rework", "--tx-blocks", "40"), "set tx-blocks and rx-blocks to that"),
        (
            ("--backend", "icmsg-me", "--tx-blocks", "4"),
            "tx_blocks has no meaning for icmsg_me: leave it away",
        ),
        (
            ("--backend", "icbmsg", "--size", "2000"),
            "do not fit: all 16 blocks of the tx-region of app together",
        ),
        (("--backend", "icmsg-me", "--size", "300"), "ICMSG_ME_SEND_BUF_SIZE of app takes at most 253"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(
    capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    found = icmsg(capsys, "run", *arguments)
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1


def test_firmware_that_speaks_icmsg_is_told_apart(capsys: Capture) -> None:
    from icmsg.assets import stub

    run = icmsg(
        capsys,
        "run",
        "--backend",
        "icbmsg",
        "--net",
        stub("echo", "net"),
        "--bond-timeout-ms",
        "20",
        "--json",
    ).json
    assert run["ok"] is run["bound"] is False
    assert any('endpoint "ep0" of app was never bound' in problem for problem in run["problems"])


@for_each("kind", ["old", "random"])
@for_each("backend", BACKENDS)
def test_what_an_earlier_session_left_in_memory_misleads_nobody(
    capsys: Capture, backend: str, kind: str
) -> None:
    found = icmsg(capsys, "run", "--backend", backend, *SHORT, "--stale-memory", kind, "--json")
    assert (found.json["ok"], found.json["problems"]) == (True, [])
