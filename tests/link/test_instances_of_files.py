"""ICBMsg and icmsg_me from devicetree and Kconfig: the same rules in `icmsg run`, Robot, the Monitor and pytest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import icmsg
from robot_runs import must_pass, run_test

from icmsg.assets import platform_file
from icmsg.config import IcbmsgConfig, InstanceConfig
from icmsg.config.load import load_side
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError, MonitorError
from icmsg.link.endpoints.instances import Files, config_from_files, pair_from_files
from icmsg.link.endpoints.peer import EndpointsPeer
from icmsg.monitor.verbs import IcmsgVerbs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icmsg.pytest_plugin.fixtures import OpenPeer

Capture = pytest.CaptureFixture[str]
FILES = Path(__file__).parents[1] / "config/data/nrf54"
APP, FLPR = FILES / "l15_icbmsg_app.dts", FILES / "l15_icbmsg_flpr.dts"
APP_CONFIG = FILES / "l15_icbmsg_app.config"
SOC = ("--soc", "nrf54l15", "--messages", "4", "--json")
CREATE = "Create Machine    soc=nrf54l15"


@pytest.fixture
def verbs() -> Iterator[IcmsgVerbs]:
    with EmbeddedMachine(platform_file("nrf54l15")) as machine:
        yield IcmsgVerbs(lambda: machine)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a devicetree with an instance of ICMsg beside that of ICBMsg."""
    text = APP.read_text(encoding="utf-8")
    begin = text.index("ipc0: ipc0 {")
    node = text[begin : text.index("};", begin) + 3]
    other = node.replace("ipc0", "ipc1").replace("zephyr,ipc-icbmsg", "zephyr,ipc-icmsg")
    lines = [line for line in other.splitlines() if "-blocks" not in line]
    path = tmp_path / "mixed app.dts"
    path.write_text(text.replace(node, node + "\n" + "\n".join(lines) + "\n"), encoding="utf-8")
    return path


def test_run_takes_blocks_regions_channels_and_generation_from_both_files(capsys: Capture) -> None:
    run = icmsg(
        capsys, "run", *SOC, "--app-dts", APP, "--flpr-dts", FLPR, "--endpoints", "a,b", "--release", "3.7"
    )
    assert (run.code, run.err) == (0, "")
    assert run.json["options"]["backend"] == "icbmsg"
    assert [(each["name"], each["messages_received"]) for each in run.json["endpoints"]] == [
        ("a", 4),
        ("b", 4),
    ]
    by_hand = (
        "--tx-region",
        "0x20020000:0x800",
        "--rx-region",
        "0x20018000:0x800",
        "--dcache-alignment",
        "32",
    )
    same = icmsg(
        capsys, "run", *SOC, "--backend", "icbmsg", *by_hand, "--endpoints", "a,b", "--release", "3.7"
    )
    assert same.json["trace_sha256"] == run.json["trace_sha256"]


def test_run_takes_the_rework_from_a_config(capsys: Capture) -> None:
    files = ("--flpr-dts", FLPR, "--flpr-kconfig", FILES / "l15_rework_flpr.config")
    run = icmsg(capsys, "run", *SOC, *files)
    assert run.json["options"]["backend"] == "icbmsg-rework"
    assert run.json["ok"] is True
    assert run.json["cores"] == {"app": "python", "flpr": "python"}


def test_a_pair_that_never_binds_is_refused_before_it_runs(capsys: Capture, tmp_path: Path) -> None:
    other = tmp_path / "flpr.dts"
    text = FLPR.read_text(encoding="utf-8")
    assert "tx-blocks = < 0x12 >" in text
    other.write_text(text.replace("tx-blocks = < 0x12 >", "tx-blocks = < 0x11 >"), encoding="utf-8")
    run = icmsg(capsys, "run", *SOC, "--app-dts", APP, "--flpr-dts", other, "--release", "4.1")
    assert run.code == 2
    assert "the two sides will not bond: " in run.err
    assert "blocks" in run.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--backend", "icmsg"), "--backend icmsg, but ipc0 of {} is icbmsg: leave --backend away"),
        (("--backend", "icbmsg-rework"), "generation rework of ICBMsg is given, but Zephyr 4.1 (as given) has 4.1"),
        (("--tx-blocks", "4"), "--tx-blocks and a devicetree exclude each other"),
        (("--tx-region", "0x20020000:0x800"), "--tx-region and a devicetree exclude each other"),
        (("--flpr", "spin"), "--flpr spin: this firmware stub does not speak icbmsg"),
        (("--instance", "ipc7"), "there is no instance ipc7; use one of: ipc0"),
        (
            ("--app-kconfig", str(APP_CONFIG), "--endpoints", "a,b,c"),
            "3 endpoints, but app has room for 2 ({config}): name fewer, or set CONFIG_IPC_SERVICE_BACKEND_ICBMSG_",
        ),
    ],
)  # fmt: skip
def test_what_contradicts_the_files_is_refused_in_words(
    capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    run = icmsg(capsys, "run", *SOC, "--app-dts", APP, "--release", "4.1", *arguments)
    assert run.code == 2
    assert said.format(APP, config=APP_CONFIG) in run.err
    assert run.err.count("\n") == 1


def test_of_several_instances_one_has_to_be_named_or_told_by_its_backend(
    capsys: Capture, mixed: Path
) -> None:
    arguments = ("run", *SOC, "--app-dts", mixed, "--release", "4.1")
    run = icmsg(capsys, *arguments)
    assert run.code == 2
    assert "which instance?; use one of: ipc0 (ICBMsg), ipc1 (ICMsg)" in run.err
    assert icmsg(capsys, *arguments, "--backend", "icbmsg").json["endpoints"] != []
    assert icmsg(capsys, *arguments, "--instance", "ipc0").json["options"]["backend"] == "icbmsg"
    run = icmsg(capsys, *arguments, "--instance", "ipc1", "--flpr", "python")
    assert run.json["options"]["backend"] == "icmsg"
    run = icmsg(capsys, *arguments, "--backend", "icmsg", "--endpoints", "ep0")
    assert f"--endpoints is for backends with several endpoints, and ipc1 of {mixed} is icmsg" in run.err


def test_keywords_take_the_same_files(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        CREATE,
        f"Play Core    app    dts={APP}    release=4.1    endpoints=a,b",
        f"Play Core    flpr    dts={FLPR}    release=4.1    endpoints=a,b",
        "Wait For All Bound    timeout=1 ms",
        "Send Message    flpr    hello    endpoint=b",
        "Expect Message    app    hello    endpoint=b",
    )


def test_the_other_core_of_a_test_takes_over_what_a_file_told(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        CREATE,
        f"Play Core    app    dts={FLPR}    dts_of=flpr    release=3.7    refused=leak",
        "Play Core    flpr",
        "Wait For All Bound    timeout=1 ms",
        "${largest}=    Get Largest Message    flpr",
        "Should Be Equal As Integers    ${largest}    ${18*64-4}",
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("backend=icmsg", "backend icmsg, but ipc0 of"),
        ("tx_blocks=3", "tx_blocks and a devicetree exclude each other"),
        (
            f"kconfig={APP_CONFIG}    slots=8",
            "slots and a .config exclude each other: the .config says it already",
        ),
        (f"kconfig={APP_CONFIG}    endpoints=a,b,c", "3 endpoints, but app has room for 2"),
        ("rx_limit=20", "rx_limit has no meaning for ICBMsg: leave it away"),
    ],
)
def test_keywords_refuse_what_contradicts_the_files(tmp_path: Path, step: str, said: str) -> None:
    outcome = run_test(tmp_path, CREATE, f"Play Core    app    dts={APP}    release=4.1    {step}")
    assert said in outcome.message
    assert "\n" not in outcome.message


def test_the_verbs_take_the_same_files(verbs: IcmsgVerbs) -> None:
    files = [f"app-dts=@{APP}", f"flpr-dts=@{FLPR}", "release=3.7"]
    assert verbs.execute(["config", *files, "endpoints=a,b"]).splitlines() == [
        "ipc0: ICBMsg, endpoints a, b",
        "app->flpr 0x20020000…0x200207FF, channel 21, 16 blocks of 96 bytes from 0x20020200 (Zephyr 3.6 to 4.0)",
        "flpr->app 0x20018000…0x200187FF, channel 20, 18 blocks of 64 bytes from 0x20018380 (Zephyr 3.6 to 4.0)",
    ]
    assert "endpoints a, b) after" in verbs.execute(["bond", "app", "flpr"])
    assert "104 bytes" in verbs.execute(["config", "release=4.1"])
    assert verbs.execute(["config", "endpoints=c"]).startswith("ipc0: ICBMsg, endpoints c\n")
    with pytest.raises(
        MonitorError, match=r"^tx-blocks and a devicetree exclude each other.*backend=icbmsg as well"
    ):
        verbs.execute(["config", "tx-blocks=3"])
    assert "3 blocks" in verbs.execute(["config", "backend=icbmsg", "tx-blocks=3"])
    with pytest.raises(MonitorError, match=r"backend icmsg, but ipc0 of .* is icbmsg"):
        verbs.execute(["config", "backend=icmsg", *files])


@pytest.mark.icmsg(soc="nrf54l15")
def test_the_fixture_takes_the_same_files(icmsg_peer: OpenPeer) -> None:
    app = icmsg_peer("app", files=Files(APP, release="4.1", endpoints=["ep0"]))
    flpr = icmsg_peer("flpr", files=Files(APP, release="4.1", of="app", endpoints=["ep0"]))
    assert isinstance(app, EndpointsPeer)
    assert isinstance(flpr, EndpointsPeer)
    app.wait_for_bound()
    assert flpr.config == app.config.mirrored()
    with pytest.raises(ConfigurationError, match="files and config exclude each other"):
        icmsg_peer("app", InstanceConfig(app.config.tx_region, app.config.rx_region), files=Files(APP))  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="dts_of=rad: use app or flpr, the two cores of the link"):
        icmsg_peer("app", files=Files(APP, of="rad"))


def test_depth_may_be_given_where_no_config_tells_it() -> None:
    files = Files(APP, backend="icbmsg-rework", endpoints=["a"] * 9)
    found = config_from_files("app", "flpr", files, {"slots": 8, "defects": frozenset({"deaf-start"})})
    assert isinstance(found, IcbmsgConfig)
    assert (found.slots, found.num_ep, found.generation) == (8, 9, "rework")
    with pytest.raises(
        ConfigurationError, match="slots is for backends with several endpoints, and ipc0 is icmsg"
    ):
        config_from_files(
            "app", "net", Files(FILES.parent / "sample_app.overlay", instance="ipc0"), {"slots": 8}, "ipc1"
        )


def test_what_nobody_asked_for_is_as_the_files_say() -> None:
    side = load_side(APP, APP_CONFIG)
    pair = pair_from_files(side, None)
    assert isinstance(pair.first, IcbmsgConfig)
    assert (pair.first.num_ep, pair.second) == (2, pair.first.mirrored())
