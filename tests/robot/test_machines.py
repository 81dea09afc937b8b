"""Keywords that make a machine: from scripts and platform files, on the engine that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from robot_runs import SETTINGS, must_pass, run_suite, run_test
from typed_paths import typed

ROOT = Path(__file__).resolve().parents[2]


def test_a_shipped_script_runs_its_firmware(tmp_path: Path) -> None:
    must_pass(
        tmp_path,
        "Create Machine    script=app-python",
        "Play Core    app",
        "Wait For Bound    app    timeout=10 ms",
        "Wait For Console Line    net    echo: bound",
        "Stub Counter Should Be    net    bound    1",
    )


def test_variables_of_a_script_are_given_by_name(tmp_path: Path) -> None:
    elf = ROOT / "firmware_stubs" / "prebuilt" / "spin-net.elf"
    must_pass(
        tmp_path,
        f"Create Machine    script=app-python    netelf={elf}    netvectors=0x01000000",
        "Wait For Console Line    net    spin: up",
    )


def test_a_script_of_the_user_with_a_blank_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "my scripts"
    folder.mkdir()
    script = folder / "mine.resc"
    script.write_text(f"include {typed(ROOT / 'renode' / 'app-python.resc')}\n", encoding="utf-8")
    must_pass(tmp_path, f"Create Machine    script={script}", "Wait For Console Line    net    echo: up")


def test_a_machine_that_a_command_made_is_the_machine_of_the_keywords(tmp_path: Path) -> None:
    # Robot Framework takes one backslash away.
    script = typed(ROOT / "renode" / "app-python.resc").replace("\\", "\\\\")
    must_pass(
        tmp_path,
        f"Execute Command    include {script}",
        "Play Core    app",
        "Wait For Bound    app    timeout=10 ms",
        "Execute Command    icmsg status",
    )


def test_a_platform_file_of_the_user(tmp_path: Path) -> None:
    platform = tmp_path / "slow.repl"
    shipped = ROOT / "platforms" / "nrf5340.repl"
    platform.write_text(f'using "{shipped}"\n\ncpunet:\n    PerformanceInMips: 21\n', encoding="utf-8")
    steps = (
        "Run Firmware    net    echo",
        "Wait For Doorbell    net",
        "${now}=    Get Virtual Time",
        "Fail    ${now.microseconds}",
    )
    slow, fast = (
        int(run_test(tmp_path, f"Create Machine    platform={path}", *steps).message.split()[0])
        for path in (platform, shipped)
    )
    assert slow > 1.5 * fast


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "script=nosuch.resc",
            "nosuch.resc: no such script; give the path of a .resc file, or a name: app-python",
        ),
        ("platform=nosuch.repl", "platform: nosuch.repl: no such file"),
        (
            "quantm=0.0001",
            "quantm: neither an argument of `Create Machine` (engine, script, platform, soc) "
            "nor a variable of machine.resc (name, platform, quantum)",
        ),
        (
            "script=app-python    netelff=x.elf",
            "app-python.resc (name, netelf, netvectors, platform, quantum)",
        ),
        ("script=app-python    netelf=nosuch.elf", "netelf: nosuch.elf: no such file"),
        ("script=app-python    netelf=README.md", "README.md"),
    ],
)
def test_what_is_not_there_is_named(arguments: str, said: str, tmp_path: Path) -> None:
    outcome = run_test(tmp_path, f"Create Machine    {arguments}")
    assert said in outcome.message
    assert "Traceback" not in outcome.message


def test_the_engine_is_chosen_by_argument_and_by_variable(tmp_path: Path) -> None:
    steps = (
        "Create Machine    embedded",
        "${engine}=    Get Engine",
        "Should Be Equal    ${engine}    embedded",
    )
    assert run_test(tmp_path, *steps, variables={"ICMSG_ENGINE": "nosuch"}).passed
    outcome = run_test(tmp_path, "Create Machine", variables={"ICMSG_ENGINE": "nosuch"})
    assert outcome.message.startswith("${ICMSG_ENGINE} is 'nosuch': use auto, embedded or renode")


@pytest.mark.usefixtures("no_renode")
def test_an_engine_that_is_not_installed_names_the_other_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("icmsg.engines.renode.locate.find_pyrenode", lambda: None)
    outcome = run_test(tmp_path, "Create Machine    renode")
    assert outcome.message.startswith("pyrenode3 is not installed: ")
    assert outcome.message.endswith("; or run the suite on the engine embedded, which needs nothing but pip")


def test_the_times_of_the_library_are_its_arguments(tmp_path: Path) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", "IcmsgLibrary    timeout=3 ms    quiet=2 ms")
    text = """
Waits
    Create Machine
    Play Core    app
    Wait For Bound    app
Quiet
    Create Machine
    Play Core    app
    Expect No Message    app
    Virtual Time Should Be At Least    2 ms
    Virtual Time Should Be At Most    2 ms
"""
    waits, quiet = run_suite(tmp_path, text, settings=settings)
    assert waits.message.startswith("bound on app did not happen within 3.000 ms of virtual time")
    assert quiet.passed, quiet.message


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (
            "timout=3 ms",
            "engine is 'timout=3 ms': use auto, embedded or renode (under renode-test it is always remote); "
            "the library's arguments are engine, timeout, quiet, stall_timeout and traces",
        ),
        ("timeout=three", "argument timeout of the library is 'three': use a time such as 10 ms"),
    ],
)
def test_a_wrong_argument_of_the_library_fails_the_tests_that_need_it(
    argument: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = SETTINGS.replace("IcmsgLibrary", f"IcmsgLibrary    {argument}")
    text = "Test\n    Create Machine\n    Play Core    app\n    Wait For Bound    app\n"
    (outcome,) = run_suite(tmp_path, text, settings=settings)
    assert outcome.message.splitlines()[0].split(" (trace")[0] == said
    captured = capfd.readouterr()
    assert "Traceback" not in captured.out + captured.err + outcome.message


def test_doorbells_are_counted_by_core_and_channel(tmp_path: Path) -> None:
    outcome = run_test(
        tmp_path,
        "Create Machine",
        "Play Core    app",
        "Play Core    net",
        "Wait For All Bound",
        "${before}=    Get Doorbell Count    app    0",
        "Send Message    app    x",
        "${after}=    Get Doorbell Count    app    0",
        "Should Be Equal    ${after}    ${before + 1}",
        "${other}=    Get Doorbell Count    app    1",
        "Should Be Equal As Integers    ${other}    0",
        "Wait For Doorbell    net    timeout=1 ms",
    )
    assert outcome.message.startswith("a doorbell of net did not happen within 1.000 ms of virtual time")
