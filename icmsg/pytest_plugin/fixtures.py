"""The fixtures. Names begin with ``icmsg_``, because a plugin's fixtures are there in every test of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol, overload

import pytest

from icmsg.pytest_plugin.hooks import (
    ArtefactRecorder,
    asked_engine,
    asked_soc,
    cover,
    last_words,
    require_engine,
    stall_s,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from icmsg.config.instance import InstanceConfig
    from icmsg.engines.choice import EngineChoice
    from icmsg.link.endpoints import SeveralConfig
    from icmsg.link.endpoints.instances import Files
    from icmsg.link.endpoints.peer import EndpointsPeer
    from icmsg.link.played_instance import Peer
    from icmsg.machine.image import FirmwareImage
    from icmsg.machine.machine import Machine


class MakeMachine(Protocol):
    """Makes a machine that is closed, and traced, with the test."""

    def __call__(
        self,
        platform: str | Path | None = None,
        *,
        soc: str | None = None,
        quantum_ns: int | None = None,
        latency_ns: int | None = None,
    ) -> Machine:
        """Return a machine of a platform file, or of the SoC of that name.

        Times are virtual nanoseconds, None = the engine's own default. ConfigurationError: both are given, or there is
        no such SoC.
        """


class LoadFirmware(Protocol):
    """Loads and starts firmware on a core of the test's machine."""

    def __call__(self, core: str, firmware: str | Path, *, start: bool = True) -> FirmwareImage:
        """``firmware`` is the name of a firmware stub or the path of an ELF file; FirmwareError otherwise."""


class OpenPeer(Protocol):
    """Plays a core of the test's machine by Python."""

    @overload
    def __call__(self, core: str | None = None, config: InstanceConfig | None = None) -> Peer: ...
    @overload
    def __call__(
        self, core: str | None = None, *, config: SeveralConfig, endpoints: Iterable[str] = ()
    ) -> EndpointsPeer: ...
    @overload
    def __call__(
        self, core: str | None, config: SeveralConfig, endpoints: Iterable[str] = ()
    ) -> EndpointsPeer: ...
    @overload
    def __call__(
        self,
        core: str | None = None,
        *,
        files: Files,
    ) -> Peer | EndpointsPeer:
        """``config`` is the instance as that core has it; None = the one of Zephyr's boards.

        With an IcbmsgConfig or IcmsgMeConfig there are ``endpoints``, and ``peer.endpoint(NAME)`` for further ones.
        ``files`` are the devicetree and Kconfig of a build, which tell the backend: an EndpointsPeer where that has
        several endpoints, else a Peer.
        """


@pytest.fixture(scope="session")
def icmsg_engine(request: pytest.FixtureRequest) -> EngineChoice:
    """The engine of this run, and why it is this one; tests are skipped where it is not available."""
    return require_engine(asked_engine(request.config))


@pytest.fixture
def icmsg_make_machine(icmsg_engine: EngineChoice, request: pytest.FixtureRequest) -> Iterator[MakeMachine]:
    """A function that makes machines for this test; on Renode there can be one at a time."""
    from icmsg.engines.choice import make_machine

    recorder = ArtefactRecorder.of(request.node)
    if icmsg_engine.name == "renode":
        request.getfixturevalue("_icmsg_last_words")

    def make(
        platform: str | Path | None = None,
        *,
        soc: str | None = None,
        quantum_ns: int | None = None,
        latency_ns: int | None = None,
    ) -> Machine:
        machine = make_machine(
            icmsg_engine,
            _platform(request.config, platform, soc),
            quantum_ns=quantum_ns,
            latency_ns=latency_ns,
            stall_s=stall_s(request.config),
        )
        recorder.add(machine)
        cover(request.config, machine)
        return machine

    yield make
    recorder.close()


def _platform(config: pytest.Config, platform: str | Path | None, soc: str | None) -> str | Path | None:
    """Return the platform file to make a machine of, None for the default SoC's."""
    from icmsg.assets import platform_file
    from icmsg.config.boards import DEFAULT, find_board
    from icmsg.errors import ConfigurationError

    if platform is not None and soc is not None:
        raise ConfigurationError(f"soc={soc} and platform={platform}: give one of them")
    name = soc or asked_soc(config)
    if platform is not None or name is None or find_board(name) is DEFAULT:
        return platform
    return platform_file(name)


@pytest.fixture(scope="session")
def _icmsg_stderr(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the reason for the end of the process reach the stderr that pytest has taken away."""
    from icmsg.engines.renode.process import ERRORS  # loads nothing of Renode

    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        ERRORS.append(os.dup(2))
    yield
    os.close(ERRORS.pop())


@pytest.fixture
def _icmsg_last_words(_icmsg_stderr: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Name the test, and save its trace, where Renode does not come back and pytest ends with it."""
    from icmsg.engines.renode.process import hints

    with hints(lambda: last_words(request.node)):
        yield


@pytest.fixture
def icmsg_machine(icmsg_make_machine: MakeMachine, request: pytest.FixtureRequest) -> Machine:
    """A machine with both cores halted; ``@pytest.mark.icmsg(...)`` says how it is made."""
    marker = request.node.get_closest_marker("icmsg")
    given: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    unknown = set(given) - {"platform", "soc", "quantum_ns", "latency_ns"}
    if unknown or (marker is not None and marker.args):
        pytest.fail(
            "@pytest.mark.icmsg takes platform=, soc=, quantum_ns= and latency_ns= by name", pytrace=False
        )
    return icmsg_make_machine(given.pop("platform", None), **given)


@pytest.fixture
def icmsg_firmware(icmsg_machine: Machine) -> LoadFirmware:
    """A function that loads a firmware stub or an ELF file into a core, and starts it.

    Where firmware runs on the application core, the network core waits in reset until that lets it go
    (RESET.NETWORK.FORCEOFF); ``release=True`` of the function lets it go at once.
    """
    from icmsg.assets import stub_names
    from icmsg.machine.boot import start_firmware

    def load(core: str, firmware: str | Path, *, start: bool = True, release: bool = False) -> FirmwareImage:
        target = icmsg_machine.core(core)
        is_stub = isinstance(firmware, str) and firmware in stub_names()
        own = icmsg_machine.soc.cores[target.name]
        image = target.load(own.stub(str(firmware)) if is_stub else firmware)
        if start:
            start_firmware(icmsg_machine, [target.name], release=release)
        return image

    return load


@pytest.fixture
def icmsg_peer(icmsg_machine: Machine, request: pytest.FixtureRequest) -> OpenPeer:
    """A function that plays a core by Python and opens its instance: ICMsg, or what ``config`` is of."""
    from icmsg.config import IcbmsgConfig, IcmsgMeConfig
    from icmsg.config.instance import InstanceConfig as Config
    from icmsg.errors import ConfigurationError
    from icmsg.link.endpoints.peer import EndpointsPeer
    from icmsg.link.link import default_link
    from icmsg.link.played_instance import Peer, PlayedMailbox

    recorder = ArtefactRecorder.of(request.node)
    mailboxes: dict[str, PlayedMailbox] = {}

    def open_peer(
        core: str | None = None,
        config: InstanceConfig | SeveralConfig | None = None,
        endpoints: Iterable[str] = (),
        *,
        files: Files | None = None,
    ) -> Peer | EndpointsPeer:
        soc = icmsg_machine.soc
        target = icmsg_machine.core(core or default_link(soc).first)
        link = default_link(soc, [target.name])
        names = [endpoints] if isinstance(endpoints, str) else list(endpoints)
        if files is not None:
            if config is not None or names:
                raise ConfigurationError(
                    "files and config exclude each other, endpoints are one of files: leave one of them out"
                )
            from icmsg.link.endpoints.instances import config_from_files  # slow to load

            config, names = config_from_files(target.name, link.other(target.name), files), [*files.endpoints]
        config = config or link.configs[target.name]
        if not isinstance(config, IcbmsgConfig | IcmsgMeConfig):
            if names:
                raise ConfigurationError("endpoints are for IcbmsgConfig and IcmsgMeConfig: ICMsg has one")
            if not isinstance(config, Config):
                raise ConfigurationError(
                    f"config {config!r} is no InstanceConfig; for a devicetree file: files=Files(FILE)"
                )
        recorder.follow(icmsg_machine, target.name, link.other(target.name), config, names)
        if target.name not in mailboxes or not target.is_played:
            mailboxes[target.name] = PlayedMailbox(target)  # of all instances of this core
        mailbox = mailboxes[target.name]
        mailbox.handler.remove(config.rx_channel)  # a peer that starts over
        peer: Peer | EndpointsPeer
        if isinstance(config, Config):
            peer = Peer(icmsg_machine, target, config, mailbox=mailbox)
        else:
            peer = EndpointsPeer(icmsg_machine, target, config, names, mailbox=mailbox)
        recorder.peers.append(peer)
        return peer

    return open_peer  # type: ignore[return-value]  # overloads of a protocol match no union
