"""Whole runs of pytest with the plugin: options, what is skipped, what a failed test leaves behind."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BOND = """
    def test_it(icmsg_machine, icmsg_firmware, icmsg_peer):
        icmsg_firmware("net", "{stub}")
        peer = icmsg_peer("app")
        peer.wait_for_bound(5_000_000)
        assert {check}
"""
_OFF = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, no_renode: None) -> pytest.Pytester:
    del no_renode
    for name in ("ICMSG_ENGINE", "ICMSG_REQUIRE_RENODE"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_inprocess(*_OFF, *options)


def run_embedded(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return run(suite, "--icmsg-engine", "embedded", *options)


def test_a_failed_test_leaves_its_trace_and_the_report_shows_the_link(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="echo", check="peer.is_bound == 'never'"))
    result = run_embedded(suite)
    result.assert_outcomes(failed=1)
    (trace,) = (suite.path / "icmsg-traces").iterdir()
    assert "app  rings mbox channel 0" in trace.read_text(encoding="utf-8")
    result.stdout.fnmatch_lines(
        ["*- icmsg -*", "app (Python) is CONNECTED_SID_DISABLED", f"trace: {trace}"], consecutive=False
    )


def test_a_timeout_explains_the_link_in_the_error_itself(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="spin", check="True"))
    result = run_embedded(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*VirtualTimeoutError: bound on app did not happen*"])
    result.stdout.fnmatch_lines(["*app wrote the magic, net has not taken it*"])


def test_a_failure_shows_the_line_of_the_test_and_nothing_of_the_package(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="spin", check="True"))
    result = run_embedded(suite)
    result.stdout.fnmatch_lines(
        [">       peer.wait_for_bound(5_000_000)", "E * bound on app did not happen*"]
    )
    result.stdout.no_fnmatch_line("*played_instance.py*")
    result.stdout.no_fnmatch_line("*scheduler*")
    text = result.stdout.str()
    assert text.count("app wrote the magic, net has not taken it") == 1, "the diagnosis is there once"
    assert "played_instance.py" in run_embedded(suite, "--full-trace").stdout.str()


def test_a_failure_of_the_tests_own_function_shows_that_function(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        def never():
            return 1 / 0

        def test_it(icmsg_machine):
            icmsg_machine.run_until(never, timeout_ns=10)
    """)
    result = run_embedded(suite)
    result.stdout.fnmatch_lines([">*run_until(never*", ">*return 1 / 0", "E * division by zero"])
    result.stdout.no_fnmatch_line("*machine.py*")


def test_a_fixture_that_waits_in_vain_leaves_diagnosis_and_trace(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest

        @pytest.fixture
        def bonded(icmsg_firmware, icmsg_peer):
            icmsg_firmware("net", "spin")
            icmsg_peer("app").wait_for_bound(1000)

        def test_it(bonded): pass
    """)
    result = run_embedded(suite)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*wait_for_bound(1000)", "trace: *icmsg-traces*"])
    result.stdout.no_fnmatch_line("*played_instance.py*")


def test_a_failed_test_leaves_a_report_for_a_browser_where_it_is_asked_for(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="spin", check="True"))
    result = run_embedded(suite, "--icmsg-trace-formats", "html")
    result.assert_outcomes(failed=1)
    (page,) = (suite.path / "icmsg-traces").glob("*.html")
    result.stdout.fnmatch_lines([f"trace: *{page.name}"])
    assert "spin: up" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "1"), marks=pytest.mark.slow)])
def test_the_junit_file_has_the_trace_and_the_diagnosis(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    suite.makepyfile(BOND.format(stub="spin", check="True"))
    off = _OFF if not workers else ("-p", "no:cacheprovider", "-p", "no:cov")
    start = suite.runpytest_subprocess if workers else suite.runpytest_inprocess
    start(*off, *workers, "--icmsg-engine", "embedded", "--junitxml", "x.xml")
    tree = ET.parse(suite.path / "x.xml")
    properties = {each.get("name"): each.get("value") or "" for each in tree.iter("property")}
    (trace,) = (suite.path / "icmsg-traces").iterdir()
    assert properties["icmsg_trace"] == str(trace)
    assert "app wrote the magic, net has not taken it" in properties["icmsg_diagnosis"]


def test_a_failed_comparison_shows_peers_cores_and_consoles(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="echo", check="(peer, icmsg_machine.core('net').console) is None"))
    result = run_embedded(suite)
    result.stdout.fnmatch_lines(
        ["E * (<Peer app: bound, CONNECTED_SID_DISABLED>, <Console: 1 line, the last 'echo: *'>) is None"]
    )


def test_a_passed_test_leaves_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="echo", check="peer.is_bound"))
    run_embedded(suite).assert_outcomes(passed=1)
    assert not (suite.path / "icmsg-traces").exists()


def test_traces_go_where_they_are_asked_for_one_for_each_parameter_and_machine(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile("""
        import pytest

        @pytest.mark.parametrize("size", [1, 2])
        def test_it(icmsg_make_machine, size):
            for machine in (icmsg_make_machine(), icmsg_make_machine()):
                machine.core("net").load(__import__("icmsg.assets").assets.stub("spin", "net"))
                machine.core("net").start()
                machine.run_for(1000)
            assert False
    """)
    run_embedded(suite, "--icmsg-traces", "deep/er").assert_outcomes(failed=2)
    names = sorted(path.name for path in (suite.path / "deep" / "er").iterdir())
    assert [name.split("test_it-")[1] for name in names] == ["1-1.txt", "1-2.txt", "2-1.txt", "2-2.txt"]


def test_traces_that_cannot_be_written_hide_no_failure(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="spin", check="True"))
    in_the_way = suite.path / "a-file"
    in_the_way.touch()
    result = run_embedded(suite, "--icmsg-traces", str(in_the_way))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"trace {in_the_way}/* cannot be written: *: --icmsg-traces FOLDER"])


def test_a_machine_that_the_test_closed_hides_no_failure(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="echo", check="icmsg_machine.close()"))
    result = run_embedded(suite)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert icmsg_machine.close()*", "*machine is closed*"])


def test_renode_that_is_not_here_skips_with_the_remedy(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(icmsg_machine): pass")
    result = run(suite, "--icmsg-engine", "renode", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*needs a real Renode: *install*ICMSG_REQUIRE_RENODE=1*"])
    result.stdout.fnmatch_lines(["icmsg: engine renode"])


def test_renode_that_must_be_here_fails_instead(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile("def test_it(icmsg_machine): pass")
    monkeypatch.setenv("ICMSG_REQUIRE_RENODE", "1")
    for engine in ("renode", "auto"):
        run(suite, "--icmsg-engine", engine).assert_outcomes(errors=1)
    run(suite, "--icmsg-engine", "embedded").assert_outcomes(passed=1)


def test_the_command_line_comes_before_the_environment_and_that_before_the_ini_file(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile("def test_it(): pass")
    suite.makeini("[pytest]\nicmsg_engine = qemu")
    monkeypatch.setenv("ICMSG_ENGINE", "embedded")
    run(suite).stdout.fnmatch_lines(["icmsg: engine embedded"])
    monkeypatch.setenv("ICMSG_ENGINE", "qemu")
    run(suite, "--icmsg-engine", "renode").stdout.fnmatch_lines(["icmsg: engine renode"])


@pytest.mark.parametrize("where", ["option", "ini", "variable"])
def test_the_engine_may_be_asked_for_in_three_places(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    suite.makepyfile("def test_it(icmsg_engine): assert icmsg_engine.name == 'embedded'")
    if where == "ini":
        suite.makeini("[pytest]\nicmsg_engine = embedded")
    if where == "variable":
        monkeypatch.setenv("ICMSG_ENGINE", "embedded")
    result = run(suite, *(["--icmsg-engine", "embedded"] if where == "option" else []))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["icmsg: engine embedded"])


def test_an_engine_that_does_not_exist_is_a_usage_error(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICMSG_ENGINE", "qemu")
    suite.makepyfile("def test_it(): pass")
    result = run(suite)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no engine 'qemu'; there are auto, embedded, renode*"])


@pytest.mark.parametrize("marker", ["quantum=5", "5"])
def test_a_marker_with_something_else_is_refused(suite: pytest.Pytester, marker: str) -> None:
    suite.makepyfile(f"""
        import pytest

        @pytest.mark.icmsg({marker})
        def test_it(icmsg_machine): pass
    """)
    result = run_embedded(suite)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes platform=, soc=, quantum_ns= and latency_ns= by name*"])


def test_a_run_without_the_fixtures_loads_no_engine(tmp_path: Path) -> None:
    """Whoever has the package installed pays nothing for it in other projects."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it(): assert not {'unicorn', 'lark', 'icmsg.machine', 'icmsg.engines'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", *_OFF, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_failed_test_leaves_the_traces_that_are_asked_for_beside_the_text(suite: pytest.Pytester) -> None:
    suite.makepyfile(BOND.format(stub="echo", check="False"))
    suite.makeini("[pytest]\nicmsg_trace_formats = pftrace.gz, vcd")
    for options, suffixes in (
        ((), [".gtkw", ".pftrace.gz", ".txt", ".vcd"]),
        (("--icmsg-trace-formats", "pcapng"), [".pcapng", ".txt"]),
    ):
        run_embedded(suite, "--icmsg-traces", "_".join(suffixes), *options).assert_outcomes(failed=1)
        names = sorted(path.name for path in (suite.path / "_".join(suffixes)).iterdir())
        assert [name.split("test_it")[1] for name in names] == suffixes


def test_a_trace_format_that_does_not_exist_ends_the_run_before_any_test(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(): pass")
    result = run(suite, "--icmsg-trace-formats", "pcap")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: icmsg: trace *.pcap: the suffix says which format*use one of .txt*"])
