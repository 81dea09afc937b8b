"""In Renode's own Monitor, ``icmsg "status"``, ``"dump"`` and ``"watch"`` say what ``icmsg monitor`` says."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import examples
from two_regions import BASE, NET, SIZE, Link, remove_fake_modules

from icmsg.config import RegionLayout
from icmsg.engines.embedded.machine import EmbeddedMachine
from icmsg.errors import MonitorError
from icmsg.machine.events import Event, EventKind
from icmsg.monitor.verbs import IcmsgVerbs
from icmsg.wire import HandshakeWord, PbufReader, PbufWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = 0x10000


class Both:
    """The same memory twice: under a Monitor of Renode (its stand-in), and on a machine of the embedded engine."""

    def __init__(self) -> None:
        self.link = Link()
        self.machine = EmbeddedMachine()
        self.lines: list[str] = []
        self.verbs = IcmsgVerbs(lambda: self.machine, self.lines.append)
        self.bus = self.machine.core("app").bus

    def sessions(self, on: bool) -> None:
        alignment = 8 if on else 0
        self.link.monitor.call("icmsg_regions", alignment=alignment, handshake=on)
        self.verbs.execute(
            ["config", f"dcache-alignment={alignment}", f"unbound={'enable' if on else 'disable'}"]
        )

    def share(self) -> None:
        self.link.memory[:] = self.bus.read_block(BASE, SHARED)


@cache
def _both() -> Both:
    both = Both()
    remove_fake_modules()
    return both


@pytest.fixture
def both() -> Iterator[Both]:
    both = Both()
    both.sessions(False)
    yield both
    both.machine.close()
    remove_fake_modules()


def _ours(both: Both, *words: str) -> list[str]:
    """Return what the embedded Monitor says of the regions: not who is on the cores, nor what a mailbox means."""
    lines = both.verbs.execute(words).splitlines()
    if words != ("status",):
        return lines
    start = next(index for index, line in enumerate(lines) if line.startswith("app->net"))
    end = next(index for index, line in enumerate(lines) if line.startswith("memory "))
    return lines[start : end + 1]


CALLS = (
    ("status",),
    ("dump", "app"),
    ("dump", "net"),
    ("dump", "app", "--packets"),
    ("dump", str(NET), "--packets"),
    ("dump", "app", "1"),
)


def check_the_same(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    both.share()
    for words in CALLS:
        capsys.readouterr()
        theirs = [int(word) if word.isdigit() else word for word in words]
        both.link.monitor.call("icmsg", *theirs)
        printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ipc")]
        assert printed == _ours(both, *words)


@settings(max_examples=examples(80), deadline=None)
@given(
    sessions=st.booleans(),
    words=st.lists(
        st.one_of(
            st.sampled_from([0, 0, 0, 0x0D00, 20, 28, 0x1900, 0x10002, 0x20001]), st.integers(0, 0xFFFFFFFF)
        ),
        min_size=4,
        max_size=14,
    ),
    magic=st.booleans(),
    other=st.sampled_from(["nothing", "magic", "sessions"]),
)
def test_any_regions_are_described_in_the_same_words(
    sessions: bool, words: list[int], magic: bool, other: str
) -> None:
    both = _both()
    both.sessions(sessions)
    both.bus.write_block(BASE, bytes(SHARED))
    layout = RegionLayout.pbuf(SIZE, 8 if sessions else 0, handshake=sessions)
    data = b"".join(word.to_bytes(4, "little") for word in words)
    both.bus.write_block(BASE, data)
    if magic:
        both.bus.write_block(BASE + layout.data_offset, b"\0\x0d\0\0Em1l1K0rn3li4")
    if other == "magic":
        writer, reader = PbufWriter(both.bus, NET, layout), PbufReader(both.bus, NET, layout)
        writer.tx_init()
        writer.write(b"Em1l1K0rn3li4")
        reader.read()
    elif sessions and other == "sessions":
        HandshakeWord(both.bus, NET, layout).write(words[1] >> 16, words[1] & 0xFFFF)
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setitem(both.link.monitor.scope, "print", lambda text: printed.extend(text.splitlines()))
        both.share()
        for call in CALLS:
            printed.clear()
            both.link.monitor.call("icmsg", *[int(word) if word.isdigit() else word for word in call])
            assert [line for line in printed if not line.startswith("ipc")] == _ours(both, *call)


@pytest.mark.parametrize("sessions", [False, True])
def test_a_bonded_link_with_messages_is_described_in_the_same_words(
    both: Both, sessions: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    both.sessions(sessions)
    both.verbs.execute(["bond", "app", "net"])
    for payload in ("hello", "0x" + "00" * 40):
        both.verbs.execute(["send", payload, "app"])
    check_the_same(both, capsys)
    assert "2 packets pending" in both.verbs.execute(["status"])


@pytest.mark.parametrize("sessions", [False, True])
def test_what_passes_is_written_in_the_same_words(both: Both, sessions: bool) -> None:
    both.sessions(sessions)
    both.share()
    log = both.link.monitor.log
    log.clear()
    both.lines.clear()
    both.link.monitor.call("icmsg", "watch", "on")
    names = {core.index: core.name for core in both.machine.cores.values()}

    def rang(event: Event) -> None:
        if event.kind is EventKind.DOORBELL:
            both.share()
            both.link.ring(names[event.core], event.a)

    both.verbs.execute(["watch"])
    remove = both.machine.events.add_sink(rang)
    both.verbs.execute(["bond", "app", "net"])
    for text in ("hello", "hex:" + "ff" * 30, "x"):
        both.verbs.execute(["send", text, "net"])
        both.verbs.execute(["recv", "app"])
    both.verbs.execute(["write", "app", "8" if sessions else "4", "0000ffff"])
    both.verbs.execute(["ring", "app", "0"])
    remove()
    both.link.monitor.call("icmsg", "watch", "off")
    both.verbs.execute(["watch", "off"])
    theirs = [text.split("] ", 1)[1] for _, text in log]
    ours = [line.split("] ", 1)[1] for line in both.lines]
    ours = [line for line in ours if "_SID_" not in line and " is " not in line.split("->")[0]]
    assert [line for line in theirs if not line.endswith("nothing new")] == [
        line for line in ours if not line.endswith(("nothing new", "until here"))
    ]
    assert len(theirs) > 6


GENERATIONS = (("icbmsg", "3.7"), ("icbmsg", None), ("icbmsg-rework", None))


def tell_both(both: Both, capsys: pytest.CaptureFixture[str], **given: object) -> None:
    """Give the same to `icmsg_regions` here and there, and see that both answer the same."""
    capsys.readouterr()
    both.link.monitor.call("icmsg_regions", **given)
    ours = both.verbs.execute(["regions", *(f"{name}={value}" for name, value in given.items())])
    assert capsys.readouterr().out == f"{ours}\n"


@pytest.mark.parametrize("alignment", [0, 32])
@pytest.mark.parametrize(("backend", "release"), GENERATIONS)
def test_blocks_are_shown_and_followed_in_the_same_words(
    both: Both, backend: str, release: str | None, alignment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    both.verbs.execute(["config", f"backend={backend}", "endpoints=ep0,ep1"])
    named = {"release": release} if release else {}
    tell_both(both, capsys, backend=backend, tx_blocks=8, rx_blocks=12, alignment=alignment, **named)
    both.share()
    log = both.link.monitor.log
    log.clear()
    both.link.monitor.call("icmsg", "watch", "on")
    names = {core.index: core.name for core in both.machine.cores.values()}

    def rang(event: Event) -> None:
        if event.kind is EventKind.DOORBELL:
            both.share()
            both.link.ring(names[event.core], event.a)

    both.verbs.execute(["watch"])
    both.lines.clear()
    remove = both.machine.events.add_sink(rang)
    both.verbs.execute(["bond", "app", "net"])
    for text, endpoint in (("hello", "ep1"), ("hex:" + "ff" * 200, "ep0")):
        both.verbs.execute(["send", text, "net", f"endpoint={endpoint}"])
        check_dumps(both, capsys)
        both.verbs.execute(["recv", "app", f"endpoint={endpoint}"])
    remove()
    theirs = [text.split("] ", 1)[1] for _, text in log]
    ours = [line.split("] ", 1)[1].replace("…", "...") for line in both.lines]
    ours = [line for line in ours if " is " not in line.split("->")[0]]
    assert [line for line in theirs if not line.endswith("nothing new")] == [
        line for line in ours if not line.endswith(("nothing new", "until here"))
    ]
    assert len(theirs) > 8


def check_dumps(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    both.share()
    for words in CALLS[1:]:
        capsys.readouterr()
        both.link.monitor.call("icmsg", *[int(word) if word.isdigit() else word for word in words])
        ours = [line.replace("…", "...") for line in both.verbs.execute(words).splitlines()]
        assert capsys.readouterr().out.splitlines() == ours


def test_regions_are_given_and_answered_alike(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    tell_both(both, capsys, first=0x20071000, size=0x400)
    tell_both(both, capsys, tx_blocks=8, rx_blocks=4, release="3.7")
    assert "(Zephyr 3.6 to 4.0)" in both.verbs.execute(["config"])
    tell_both(both, capsys, second=0x20079000, alignment=32)
    tell_both(both, capsys)
    tell_both(both, capsys, backend="icbmsg-rework", tx_blocks=4, rx_blocks=4, slots=8)
    tell_both(both, capsys, backend="icmsg", first=BASE, second=NET, size=SIZE, alignment=0)


@pytest.mark.parametrize(
    "words",
    [("statsu",), ("bond",), ("dump",), ("watch", "maybe"), ()],
)
def test_what_is_not_there_names_what_is(both: Both, words: tuple[str, ...]) -> None:
    with pytest.raises(
        Exception, match=r'icmsg here: "status", "dump" REGION .* icmsg monitor --engine renode'
    ):
        both.link.monitor.call("icmsg", *words)
    if words not in ((), ("bond",)):
        with pytest.raises(MonitorError):
            both.verbs.execute(words)
