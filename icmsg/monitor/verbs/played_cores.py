"""``icmsg bond``, ``send``, ``recv``, ``unbound``, ``reset``: cores that Python plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from icmsg.config.instance import InstanceConfig
from icmsg.errors import IcmsgError, MonitorError
from icmsg.ipc import MAGIC, State
from icmsg.link.diagnosis.findings import link_is_bound
from icmsg.link.endpoints.peer import EndpointsPeer, PeerEndpoint
from icmsg.link.played_instance import Peer
from icmsg.machine.events import EventKind
from icmsg.machine.interruption import CtrlC
from icmsg.machine.machine import Holder
from icmsg.monitor.verbs.status import both_mailboxes, message_lines, view_of
from icmsg.timers import MS, S, format_time
from icmsg.wire.inspect import inspect_region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.machine.events import Event
    from icmsg.machine.machine import Core, Machine
    from icmsg.monitor.verbs.settings import LinkSettings

Result = TypeVar("Result")

BOND_NS: Final = 1 * S
"""Duration of a ``bond`` that says nothing else; virtual time."""
RECEIVE_NS: Final = 100 * MS
"""Duration of a ``recv`` that says nothing else; virtual time."""
_STEPS_NS: Final = tuple(10_000 << number for number in range(9))


class PlayedCores:
    """The cores of ``machine`` that Python plays, by name."""

    def __init__(self, machine: Machine, settings: LinkSettings) -> None:
        self.machine: Final = machine
        self._settings = settings
        self._all: dict[str, Peer | EndpointsPeer] = {}
        self._ours: set[str] = set()
        self._reset: set[str] = set()
        self._told: dict[str, int] = {}
        machine.events.add_sink(self._happened, (EventKind.CORE_RESET,))

    def peer(self, name: str) -> Peer | None:
        """Return who plays a core over ICMsg, or None."""
        found = self._peers.get(name)
        return found if isinstance(found, Peer) else None

    @property
    def several(self) -> dict[str, EndpointsPeer]:
        """Peers with several endpoints, by core."""
        return {name: peer for name, peer in self._peers.items() if isinstance(peer, EndpointsPeer)}

    @property
    def _peers(self) -> dict[str, Peer | EndpointsPeer]:
        """The peers by core; one whose core was reset under it has lost its mailbox, and plays no longer."""
        for name in self._reset & self._all.keys():
            self._all.pop(name).instance.reset()
        self._reset.clear()
        return self._all

    def was_played(self, name: str) -> bool:
        """Tell whether Python has played a core of this machine, which then runs no firmware."""
        return name in self._ours

    def _happened(self, event: Event) -> None:
        self._reset |= {name for name in self._all if self._all[name].core.index == event.core}

    # The verbs

    def bond(self, names: Sequence[str], timeout_ns: int) -> list[str]:
        """Open the instance on each core, run until both sides are bound, and say when the opened ones were."""
        started = self.machine.now_ns
        peers = [self._open(name) for name in names or [self._halted()]]
        self._wait(
            peers[-1], lambda: all(peer.is_bound for peer in peers), timeout_ns, f"bound on {_joined(peers)}"
        )
        waited = self.machine.now_ns - started
        self._let_the_other_bind(peers[-1], timeout_ns - waited)
        return [f"{peer.core.name} is bound ({_state(peer)}) after {format_time(waited)}" for peer in peers]

    def send(self, data: bytes, name: str | None, endpoint: str | None = None) -> list[str]:
        """Send one message; nothing runs meanwhile."""
        peer = self._chosen(name)
        if isinstance(peer, EndpointsPeer):
            return self._send_at(peer, data, endpoint)
        _only_one(endpoint)
        dropped = peer.instance.state is State.DISCONNECTED
        if not peer.is_bound and not dropped:
            raise MonitorError(
                f"{peer.core.name} is {peer.instance.state.name}, not bound: icmsg bond {peer.core.name} first"
            )
        refused(lambda: peer.send(data))
        other = self.other(peer.core).name
        if dropped:
            return [
                f"dropped, as Zephyr does: {peer.core.name} is unbound; icmsg bond {peer.core.name} opens it again"
            ]
        return [*message_lines(f"{peer.core.name}->{other}", data, ""), *self._trouble(peer)]

    def receive(self, name: str | None, timeout_ns: int, endpoint: str | None = None) -> list[str]:
        """Take the oldest message; run until there is one."""
        peer = self._chosen(name)
        title = f"{self.other(peer.core).name}->{peer.core.name}"
        where: Peer | PeerEndpoint
        if isinstance(peer, EndpointsPeer):
            where = _endpoint_of(peer, endpoint, receiving=True)
            title += f" {where.name}"
        else:
            _only_one(endpoint)
            where = peer
        started = self.machine.now_ns
        self._wait(peer, lambda: bool(where.received), timeout_ns, f"a message for {peer.core.name}")
        waited = self.machine.now_ns - started
        after = f", after {format_time(waited)}" if waited else ""
        return [*message_lines(title, where.received.popleft(), after), *self._trouble(peer)]

    def _send_at(self, peer: EndpointsPeer, data: bytes, endpoint: str | None) -> list[str]:
        at = _endpoint_of(peer, endpoint)
        if not at.is_bound:
            raise MonitorError(f"endpoint {at.name} of {peer.core.name} is not bound: icmsg status says why")
        refused(lambda: at.send(data))
        title = f"{peer.core.name}->{self.other(peer.core).name} {at.name}"
        return [*message_lines(title, data, ""), *self._trouble(peer)]

    def close(self, name: str | None, endpoint: str | None = None) -> list[str]:
        """Close the instance of a core that Python plays, or one of its endpoints."""
        peer = self._chosen(name)
        if isinstance(peer, EndpointsPeer) and endpoint is not None:
            at = _endpoint_of(peer, endpoint)
            refused(at.close)
            return [f"endpoint {at.name} of {peer.core.name} is deregistered"]
        if isinstance(peer, EndpointsPeer):
            refused(peer.instance.close)
            self._peers.pop(peer.core.name)
            return [f"{peer.core.name} is closed; {self.other(peer.core).name} is not told"]
        _only_one(endpoint)
        with_sessions = any(peer.instance.session_ids)
        if not peer.instance.state.value:
            raise MonitorError(
                f"{peer.core.name} is closed already: icmsg bond {peer.core.name} opens it again"
            )
        refused(peer.close)
        other = self.other(peer.core).name
        told = (
            f"{other} becomes unbound when it takes the doorbell"
            if with_sessions
            else f"{other} is not told, because this link has no sessions"
        )
        return [f"{peer.core.name} is closed; {told}"]

    def release(self, names: Sequence[str]) -> list[str]:
        """Give cores back that Python plays (all without ``names``), and an emulation that is held for them."""
        cores = [self.core(name) for name in names] or [peer.core for peer in self._peers.values()]
        lines = [self._give_back(core) for core in cores]
        machine = self.machine
        if not self._peers and isinstance(machine, Holder) and machine.is_held:
            before = machine.now_ns
            refused(machine.let_go)
            passed = format_time(machine.now_ns - before)
            lines.append(
                f"the emulation is let go, {passed} later: start, pause and RunFor are Renode's again"
            )
        return lines or ["nothing to release: Python plays no core, and holds no emulation"]

    def _give_back(self, core: Core) -> str:
        if core.name not in self._peers:
            raise MonitorError(
                f"Python does not play {core.name}; icmsg release alone gives back all it plays"
            )
        self._peers.pop(core.name).instance.reset()
        refused(core.release)
        self._ours.discard(core.name)
        return f"{core.name} is given back: nothing plays it, it is halted"

    def reset(self, name: str) -> list[str]:
        """Reset a core; the instance of one that Python plays is off and has to bond again."""
        core = self.core(name)
        peer = self._peers.pop(core.name, None)
        if peer is not None:
            peer.instance.reset()
        refused(core.reset)
        again = f", icmsg bond {core.name} opens it again" if peer is not None else ""
        return [f"{core.name} is reset; both regions keep their contents{again}"]

    # What they need

    def _open(self, name: str) -> Peer | EndpointsPeer:
        core = self.core(name)
        several = self._settings.several
        config: InstanceConfig | SeveralConfig = self._settings.configs[core.name]
        if several.is_on:
            config = self._settings.several_configs[core.name]
        peer = self._peers.get(core.name)
        if isinstance(peer, EndpointsPeer) and peer.config == config:
            for each in several.endpoints:
                refused(lambda each=each: peer.endpoint(each))  # type: ignore[misc]
            return peer
        if isinstance(peer, Peer) and peer.config == config:
            if not peer.is_bound and peer.instance.state.value in (State.OFF, State.DISCONNECTED):
                refused(peer.reopen)
            return peer
        if peer is not None:
            peer.instance.reset()
            del self._peers[core.name]
        if not core.is_halted and core.registers:
            raise MonitorError(
                f"firmware runs on {core.name}: halt it first ({self._cpu(core)} IsHalted true), or play the other core"
            )
        self._all[core.name] = peer = refused(lambda: self._play(core, config))
        self._told[core.name] = 0
        self._ours.add(core.name)
        return peer

    def _play(self, core: Core, config: InstanceConfig | SeveralConfig) -> Peer | EndpointsPeer:
        if isinstance(config, InstanceConfig):
            return Peer(self.machine, core, config)
        return EndpointsPeer(self.machine, core, config, self._settings.several.endpoints)

    def _halted(self) -> str:
        left = [core for core in self._cores() if core.name not in self._peers]
        idle = [core for core in left if core.is_halted or core.name in self._ours]
        free = [core for core in idle if core.image is None] or idle
        found = [core.name for core in free] or list(self._peers)
        if len(found) == 1:
            return found[0]
        if found:
            raise MonitorError(
                f"which core? Nothing runs on {' and '.join(found)}: icmsg bond {found[0]} plays one of them, "
                f"icmsg bond {' '.join(found)} plays both"
            )
        first = self._cpu(self._cores()[0])
        raise MonitorError(f"firmware runs on every core: halt one first, such as {first} IsHalted true")

    def _cpu(self, core: Core) -> str:
        """Return what the platform file calls a core."""
        return self.machine.soc.cores[core.name].cpu

    def _cores(self) -> list[Core]:
        return [self.core(name) for name in self._settings.configs]

    def core(self, name: str) -> Core:
        """Return a core by its name or that of one of its peripherals."""
        word = self.machine.soc.core_of_device(name)
        if word is None:
            raise MonitorError(f"no core {name!r}; use {' or '.join(self._settings.configs)}")
        if word not in self._settings.configs:
            raise MonitorError(
                f"core {word} is not on this link, which joins {' and '.join(self._settings.configs)}; "
                f"icmsg config cores={word},{self._settings.link.second} joins others"
            )
        return refused(lambda: self.machine.core(word))

    def _chosen(self, name: str | None) -> Peer | EndpointsPeer:
        found = list(self._peers) if name is None else [self.core(name).name]
        if len(found) != 1:
            which = "Python plays no core" if not found else f"which core? Python plays {' and '.join(found)}"
            raise MonitorError(
                f"{which}: icmsg bond first, or name it" if found else f"{which}: icmsg bond first"
            )
        if found[0] not in self._peers:
            raise MonitorError(f"Python does not play {found[0]}: icmsg bond {found[0]} first")
        return self._peers[found[0]]

    def other(self, core: Core) -> Core:
        """Return the core at the other end of the link."""
        return next(other for other in self._cores() if other.name != core.name)

    def _let_the_other_bind(self, peer: Peer | EndpointsPeer, left_ns: int) -> None:
        """Run on until memory says bound, too; in short runs at first, after which all cores have come as far."""
        ctrl_c = CtrlC()
        with ctrl_c:
            for step in _STEPS_NS:
                if step > left_ns or self._is_bound_in_memory():
                    break
                self.machine.run_for(step)
                ctrl_c.check()
                left_ns -= step
        self._wait(peer, self._is_bound_in_memory, left_ns, f"bound on {self.other(peer.core).name}")

    def _is_bound_in_memory(self) -> bool:
        if self._settings.several.is_on:
            return True  # memory does not tell which endpoints are
        there, back = (view_of(self.machine, direction) for direction in self._settings.directions)
        return link_is_bound(there, back) is not False

    def _wait(
        self, peer: Peer | EndpointsPeer, satisfied: Callable[[], bool], timeout_ns: int, what: str
    ) -> None:
        ctrl_c = CtrlC()

        def asked() -> bool:
            ctrl_c.check()
            return satisfied()

        try:
            with ctrl_c:
                refused(lambda: peer.wait(asked, timeout_ns, what))
        except MonitorError as error:
            lines = [str(error), *both_mailboxes(self.machine, self._settings), *self._restarted(peer)]
            raise MonitorError("\n".join(lines)) from error

    def _restarted(self, peer: Peer | EndpointsPeer) -> list[str]:
        """Return what to do where the other side was bound already, and this one restarted alone."""
        if isinstance(peer, EndpointsPeer):
            return []
        config, other = peer.config, self.other(peer.core).name
        view = inspect_region(peer.core.bus, config.rx_region.address, config.rx_layout)
        if peer.is_bound or config.unbound == "enable" or not view.first.startswith(MAGIC):
            return []
        return [
            f"if {other} was bound before: without sessions a side that restarts alone never bonds again; "
            f"icmsg reset {other}, icmsg bond {peer.core.name}"
        ]

    def _trouble(self, peer: Peer | EndpointsPeer) -> list[str]:
        """Return the errors that the endpoint has reported and nobody was told."""
        told = self._told[peer.core.name]
        self._told[peer.core.name] = len(peer.errors)
        return [f"  error on {peer.core.name}: {error}" for error in peer.errors[told:]]


def refused(action: Callable[[], Result]) -> Result:
    """Run ``action``; what it refuses is a MonitorError."""
    try:
        return action()
    except MonitorError:
        raise
    except IcmsgError as error:
        raise MonitorError(str(error)) from error


def _endpoint_of(peer: EndpointsPeer, name: str | None, *, receiving: bool = False) -> PeerEndpoint:
    """Return an endpoint by name; without one the only one, or the only one that has received something."""
    names = ", ".join(peer.endpoints)
    if name is not None:
        if name not in peer.endpoints:
            raise MonitorError(f"{peer.core.name} has no endpoint {name!r}; there are {names}")
        return peer.endpoints[name]
    each = list(peer.endpoints.values())
    if receiving and len(each) > 1:
        each = [one for one in each if one.received] or each
    if len(each) != 1:
        raise MonitorError(f"which endpoint of {peer.core.name}? endpoint=NAME with one of {names}")
    return each[0]


def _only_one(endpoint: str | None) -> None:
    if endpoint is not None:
        raise MonitorError("ICMsg has one endpoint: leave endpoint= away, or icmsg config backend=icbmsg")


def _joined(peers: Sequence[Peer | EndpointsPeer]) -> str:
    return " and ".join(peer.core.name for peer in peers)


def _state(peer: Peer | EndpointsPeer) -> str:
    if isinstance(peer, EndpointsPeer):
        return f"{peer.instance.state.name}, endpoints {', '.join(peer.endpoints)}"
    local, remote = peer.instance.session_ids
    sessions = f", session {local}, the peer's is {remote}" if local else ""
    return f"{peer.instance.state.name}{sessions}"
