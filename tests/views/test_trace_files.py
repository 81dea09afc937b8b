"""Which file becomes which trace, and what happens where it cannot be written."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from firmware_files import shell
from traced_runs import traced_run

from icmsg.assets import stub
from icmsg.cli.main import main
from icmsg.cli.trace_command import PLUGIN
from icmsg.config.instance import Region
from icmsg.config.nrf5340 import APP
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import ConfigurationError
from icmsg.link.exchange import Exchange
from icmsg.link.link import Link
from icmsg.link.workload import Workload
from icmsg.machine.events import EventStream
from icmsg.machine.image import FirmwareImage
from icmsg.views import trace_to
from icmsg.views.moments import NOTED, Moments
from icmsg.views.recent import RecentTrace, suffixes_of
from icmsg.views.recording import FORMATS, format_named, format_of, suffixes
from icmsg.views.vcd import TimeOrder

LISTED = ", ".join(suffixes())


def test_a_suffix_says_the_format_whatever_its_case() -> None:
    assert {format_of(f"a.b{suffix.upper()}")[0].name for suffix in suffixes()} == {
        each.name for each in FORMATS
    }
    assert format_of("x.pftrace.gz")[1]
    assert not format_of("x.pftrace")[1]


@pytest.mark.parametrize("name", ["x", "x.pcap", "x.vcd.gz", ".gz", "x.txt.bz2"])
def test_a_suffix_of_no_format_lists_those_there_are(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"trace {name}: the suffix says .* use one of {LISTED}"):
        format_of(name)


def test_a_format_that_is_not_there_is_named_with_the_closest_one() -> None:
    with pytest.raises(ConfigurationError, match="no trace format 'pcap'; did you mean pcapng"):
        format_named("pcap")
    assert suffixes_of("pftrace, .pcapng") == [".pftrace", ".pcapng"]


def test_a_compressed_trace_is_the_plain_one(tmp_path: Path) -> None:
    zipped = tuple(suffix for suffix in suffixes() if suffix.endswith(".gz"))
    run = traced_run(tmp_path, "python-firmware", suffixes(), 5)
    for suffix in zipped:
        assert (
            gzip.decompress(run.file(suffix).read_bytes())
            == run.file(suffix.removesuffix(".gz")).read_bytes()
        )


def test_a_trace_replaces_a_link_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "run.txt").symlink_to(tmp_path / "mine")
    traced_run(tmp_path, "python-firmware", (".txt",), 1)
    assert (tmp_path / "mine").read_text() == "precious"
    assert not (tmp_path / "run.txt").is_symlink()


def test_a_named_pipe_is_read_along(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.pcapng")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "run.pcapng").read_bytes()))
    reader.start()
    traced_run(tmp_path, "python-firmware", (".pcapng",), 2)
    reader.join(60)
    assert got[0].startswith(b"\x0a\x0d\x0d\x0a")


def test_a_file_that_cannot_be_written_is_a_mistake_that_names_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        EmbeddedMachine() as machine,
        pytest.raises(ConfigurationError, match=r"trace .* cannot be written: .*; give a folder that can be"),
    ):
        trace_to(machine, tmp_path / "file" / "x.txt")


def test_a_disk_that_is_full_is_said_at_the_end_and_disturbs_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from icmsg.cli.main import main
sys.exit(main(["run", "--messages", "200", "--trace", {str(tmp_path / "x.txt")!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, timeout=100
    )  # -B: a module's compiled file would be cut at the limit, for whoever imports it next
    assert done.returncode == 2
    assert (
        done.stderr
        == f"icmsg: error: trace {tmp_path / 'x.txt'} cannot be written: File too large; give a folder that can be\n"
    )


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        trace = trace_to(machine, tmp_path / "x.txt")
        trace.close()
        before = (tmp_path / "x.txt").read_bytes()
        trace.close()
        machine.run_for(1000)
    assert (tmp_path / "x.txt").read_bytes() == before


# The command


def test_run_writes_several_traces_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / f"x{suffix}") for suffix in suffixes()]
    options = [word for name in names for word in ("--trace", name)]
    assert main(["run", "--messages", "2", *options]) == 0
    assert all(Path(name).stat().st_size for name in names)
    assert (tmp_path / "x.gtkw").read_text().startswith('[dumpfile] "x.vcd"\n')


def test_run_traces_to_standard_output_and_reports_on_standard_error() -> None:
    command = [
        sys.executable,
        "-m",
        "icmsg",
        "run",
        "--messages",
        "2",
        "--trace",
        "-",
        "--trace-format",
        "text",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.startswith("# app->net ipc0")
    assert done.stderr.splitlines()[-1] == "OK"


def test_run_ends_quietly_where_nobody_reads_the_trace_any_more() -> None:
    tracing = f"{sys.executable} -m icmsg run --messages 500 --trace - --trace-format text"
    command = f"{tracing} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--trace", "x.foo"],
            "trace x.foo: the suffix says which format, and this is none; use one of .txt",
        ),
        (["--trace", "-"], "--trace - has no suffix: say --trace-format with one of text, pcapng"),
        (["--trace", "x.txt", "--trace-format", "text"], "--trace-format is for --trace - alone"),
        (["--trace", "x.txt", "--trace", "x.txt"], "--trace: a file is given twice"),
    ],
)
def test_run_refuses_what_cannot_be_before_anything_runs(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *options]) == 2
    assert said in capsys.readouterr().err
    assert not Path("x.txt").exists()


def test_trace_lists_the_formats_and_says_where_the_dissector_goes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["trace"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        each.suffix for each in FORMATS
    ]
    assert main(["trace", "--wireshark-plugin"]) == 0
    assert capsys.readouterr().out.startswith(f"{PLUGIN}\n")
    assert PLUGIN.is_file()


# The ring for failures


def test_the_ring_keeps_the_last_things_and_becomes_any_file(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        few, all_of_it = RecentTrace(machine, limit=20), RecentTrace(machine)
        sides = {"app": None, "net": FirmwareImage.load(stub("echo", "net"))}
        assert Exchange(machine, sides, APP, Workload(10)).run().ok
    for suffix in suffixes():
        assert few.save(tmp_path / f"few{suffix}").stat().st_size
        assert all_of_it.save(tmp_path / f"all{suffix}").stat().st_size
    assert len(few) == 20
    assert "#20" in (tmp_path / "few.txt").read_text(encoding="utf-8")
    assert " #1 " not in (tmp_path / "few.txt").read_text(encoding="utf-8")
    assert " #1 " in (tmp_path / "all.txt").read_text(encoding="utf-8")


def test_what_comes_out_of_order_is_written_by_time_and_memory_stays_bounded() -> None:
    written: list[tuple[int, bytes]] = []
    order = TimeOrder(written.extend)
    held = 0
    for number in range(100_000):
        order.add(number * 10_000 + (50_000 if number % 2 else 0), b"%d" % number)
        held = max(held, len(order._held))
    order.close()
    assert [time for time, _ in written] == sorted(time for time, _ in written)
    assert len(written) == 100_000
    assert held < 10_000


def test_the_ring_of_zephyr_before_3_6_is_traced_over_its_wrap(tmp_path: Path) -> None:
    config = replace(APP, wire="spsc_pbuf", signalling="repeat")
    with EmbeddedMachine() as machine:
        links = [Link.of("app", "net", config)]
        traces = [trace_to(machine, tmp_path / f"x{suffix}", links) for suffix in (".txt", ".vcd")]
        assert Exchange(machine, {"app": None, "net": None}, config, Workload(200, 1, 300)).run().ok
        for trace in traces:
            trace.close()
    text = (tmp_path / "x.txt").read_text(encoding="utf-8")
    assert text.count(" received #") == text.count(" sent #") == 400
    assert "NOT RECEIVED" not in text


@pytest.mark.parametrize("suffix", suffixes())
def test_nothing_that_was_received_is_kept(suffix: str, tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        trace = trace_to(machine, tmp_path / f"x{suffix}")
        sides = {"app": None, "net": FirmwareImage.load(stub("echo", "net"))}
        assert Exchange(machine, sides, APP, Workload(300)).run().ok
        assert 0 < len(trace._tracer._moments._kept) < 2048 * 6
        assert trace.messages == 600
        assert not trace._tracer._moments._kept
        kept = [len(way.waiting) + len(way.unrung) + len(way.behind_signal) for way in trace._tracer._ways]
        trace.close()
    assert max(kept) < 20


def test_what_was_kept_when_something_went_wrong_is_told_later() -> None:
    told: list[int] = []

    def tell(_time_ns: int, _core: int, number: int, _b: int, _news: object) -> None:
        told.append(number)
        if number == 2:
            raise KeyboardInterrupt

    moments = Moments({}, {}, {}, at_once=False)
    moments.listen(EventStream(1), tell, NOTED)
    for number in range(5):
        moments.add((0, NOTED, 0, number, 0, ""))
    with pytest.raises(KeyboardInterrupt):
        moments.hand_on()
    moments.hand_on()
    assert told == [0, 1, 2, 3, 4]


def test_large_regions_keep_fewer_things() -> None:
    moments = Moments({}, {}, {}, at_once=False)
    way = SimpleNamespace(direction=SimpleNamespace(region=Region(0x2000_0000, 1 << 20)))
    moments.bound(way)  # type: ignore[arg-type]
    for _ in range(100):
        moments.add((0, NOTED, 0, 0, 0, bytes(8)))
        assert len(moments._kept) < 8 * 6


def test_what_is_written_to_a_console_is_in_the_traces_with_its_time(tmp_path: Path) -> None:
    with EmbeddedMachine() as machine:
        paths = [tmp_path / f"shell{suffix}" for suffix in (".txt", ".html", ".pftrace")]
        traces = [trace_to(machine, path) for path in paths]
        core = machine.core("app")
        core.load(shell(tmp_path))
        core.start()
        machine.run_for(1_000_000)
        core.console.write_line("version")
        machine.run_for(2_000_000)
        for trace in traces:
            trace.close()
    text, html, perfetto = paths
    assert "    1000.000 µs  app  is written to: version\\x0d\n" in text.read_text(encoding="utf-8")
    assert "« version\\x0d" in html.read_text(encoding="utf-8")
    assert b"< version\\x0d" in perfetto.read_bytes()
