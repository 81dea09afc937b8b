"""The instance that the verbs decode with: by hand, or from the files of a build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from icmsg.config.instance import InstanceConfig, Region, Signalling, Unbound
from icmsg.config.nrf5340 import APP
from icmsg.config.release import SPSC_CACHE_LINE, Release
from icmsg.config.spelling import closest
from icmsg.errors import ConfigurationError, MonitorError
from icmsg.monitor.verbs.arguments import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.config.layout import RegionLayout
    from icmsg.config.load import InstancePair

_FILES: Final = ("app-dts", "net-dts", "app-kconfig", "net-kconfig", "instance")
_BY_HAND: Final = ("tx-region", "rx-region", "dcache-alignment", "unbound", "signalling")
NAMES: Final = (*_FILES, *_BY_HAND, "release")
REGION_NAMES: Final = ("app", "net", "size", "alignment", "handshake")
"""What ``icmsg_regions`` of ``renode/icmsg_monitor.py`` takes."""
_SESSION_ALIGNMENT: Final = 8
"""Smallest dcache-alignment with a handshake word (protocol §1.1)."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One region: ``writer`` and ``reader`` are core names, ``channel`` is what the writer rings."""

    writer: str
    reader: str
    region: Region
    layout: RegionLayout
    channel: int

    @property
    def title(self) -> str:
        """How every line calls the region."""
        return f"{self.writer}->{self.reader} 0x{self.region.address:08X}"


class LinkSettings:
    """One instance as both sides have it; at first that of Zephyr's nRF5340 boards."""

    def __init__(self) -> None:
        self.configs: dict[str, InstanceConfig] = {"app": APP, "net": APP.mirrored()}

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """What app writes, and what net writes; each as its writer has it."""
        app, net = self.configs["app"], self.configs["net"]
        return (
            Direction("app", "net", app.tx_region, app.tx_layout, app.tx_channel),
            Direction("net", "app", net.tx_region, net.tx_layout, net.tx_channel),
        )

    def find(self, what: str) -> Direction:
        """Return the region of ``app->net``, of the core that writes it, of tx or rx of app, or at an address."""
        there, back = self.directions
        word = what.lower().removeprefix("sysbus.").replace("→", "->")
        names = {"tx": there, "tx-region": there, "rx": back, "rx-region": back}
        for direction in (there, back):
            writer = direction.writer
            names |= dict.fromkeys((writer, f"cpu{writer}", f"ipc{writer}"), direction)
            names[f"{writer}->{direction.reader}"] = direction
        if word in names:
            return names[word]
        if word[:1].isdigit():
            address = number(word, "region")
            for direction in (there, back):
                if direction.region.address <= address < direction.region.end:
                    return direction
        raise MonitorError(
            f"{what} is no region: use {there.title}, {back.title}, or the core that writes it "
            f"(app, net); other regions: icmsg config"
        )

    # Showing

    def lines(self) -> list[str]:
        """Return the instance in words."""
        app, net = self.configs["app"], self.configs["net"]
        lines = [f"{app.name}: {_mode(app)}"]
        if _mode(net) != _mode(app):
            lines = [f"{app.name} of app: {_mode(app)}", f"{net.name} of net: {_mode(net)}"]
        for direction in self.directions:
            config = self.configs[direction.writer]
            limit = (
                "" if config.peer_rx_limit is None else f", {direction.reader} takes {config.peer_rx_limit}"
            )
            lines.append(
                f"{direction.writer}->{direction.reader} {direction.region}, channel {direction.channel}, "
                f"messages up to {direction.layout.capacity} bytes{limit}"
            )
        return lines

    # Changing

    def change(self, words: Sequence[str]) -> None:
        """Take over ``name=value`` words; what cannot work changes nothing and is a MonitorError."""
        given = _pairs("config", words, NAMES)
        try:
            if any(name in given for name in _FILES):
                pair = _from_files(given)
                self.configs = {"app": pair.app, "net": pair.net}
            else:
                app = _by_hand(self.configs["app"], given)
                self.configs = {"app": app, "net": app.mirrored()}
        except ConfigurationError as error:
            raise MonitorError(str(error)) from error

    def change_regions(self, words: Sequence[str]) -> str:
        """Take over what ``icmsg_regions`` takes, and return what it prints."""
        given = _pairs("regions", words, REGION_NAMES)
        app = self.configs["app"]
        size = number(given["size"], "size") if "size" in given else app.tx_region.size
        changes: dict[str, Any] = {
            "tx_region": Region(number(given.get("app", str(app.tx_region.address)), "app"), size),
            "rx_region": Region(number(given.get("net", str(app.rx_region.address)), "net"), size),
            "dcache_alignment": number(given.get("alignment", str(app.dcache_alignment)), "alignment"),
        }
        if "handshake" in given:
            sessions = given["handshake"].lower() == "true"
            changes |= {
                "unbound": ("enable" if app.unbound == "disable" else app.unbound) if sessions else "disable"
            }
        if given:
            try:
                changed = replace(app, **changes)
            except ConfigurationError as error:
                raise MonitorError(str(error)) from error
            self.configs = {"app": changed, "net": changed.mirrored()}
        there, back = self.directions
        sessions_text = "with" if there.layout.handshake_offset is not None else "without"
        return (
            f"{there.title}, {back.title}, {there.region.size} bytes, "
            f"dcache-alignment {self.configs['app'].dcache_alignment}, {sessions_text} sessions"
        )


def layout_name(layout: RegionLayout) -> str:
    """Return the generation of a region in words."""
    return f"{layout.wire} with sessions" if layout.handshake_offset is not None else layout.wire


def _mode(config: InstanceConfig) -> str:
    what = "dcache-alignment" if config.wire == "pbuf" else "cache line"
    return (
        f"{layout_name(config.tx_layout)}, {what} {config.dcache_alignment}, "
        f'unbound = "{config.unbound}", {config.signalling}'
    )


def _pairs(verb: str, words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return name and value of each word; a Monitor may hand ``name = value`` over as three."""
    joined: list[str] = []
    for word in words:
        if joined and (word.startswith("=") or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    given: dict[str, str] = {}
    for word in joined:
        name, equal, value = word.partition("=")
        if name not in names:
            known = ", ".join(names)
            raise MonitorError(f"icmsg {verb} has no {name!r}{closest(name, names)}; there are {known}")
        if not equal or not value:
            raise MonitorError(f"icmsg {verb} {name}: use {name}=VALUE")
        given[name] = value
    return given


def _from_files(given: Mapping[str, str]) -> InstancePair:
    from icmsg.config.load import load_pair, load_side  # parsing devicetrees is slow to load

    for name in _BY_HAND:
        if name in given:
            raise MonitorError(f"{name} and a devicetree exclude each other: the devicetree says it already")
    if not ("app-dts" in given or "net-dts" in given):
        raise MonitorError(f"{next(iter(given))} goes with app-dts=@FILE or net-dts=@FILE")
    sides = {
        core: load_side(_path(dts), _kconfig(given, core), given.get("release"), core)
        for core in ("app", "net")
        if (dts := given.get(f"{core}-dts"))
    }
    return load_pair(sides.get("app"), sides.get("net"), given.get("instance"))


def _kconfig(given: Mapping[str, str], core: str) -> str | None:
    found = given.get(f"{core}-kconfig")
    return None if found is None else _path(found)


def _path(text: str) -> str:
    return text.removeprefix("@")


def _by_hand(app: InstanceConfig, given: Mapping[str, str]) -> InstanceConfig:
    changes: dict[str, Any] = {
        "name": app.name,
        **(_of_release(given["release"], app) if "release" in given else {}),
    }
    for name, allowed in (("unbound", get_args(Unbound)), ("signalling", get_args(Signalling))):
        if name in given:
            if given[name] not in allowed:
                raise MonitorError(f"{name}={given[name]}: use one of {', '.join(allowed)}")
            changes[name] = given[name]
    for name in ("tx-region", "rx-region"):
        if name in given:
            changes[name.replace("-", "_")] = Region.parse(given[name])
    if "dcache-alignment" in given:
        changes["dcache_alignment"] = number(given["dcache-alignment"], "dcache-alignment")
    elif changes.get("unbound", app.unbound) != "disable":
        changes["dcache_alignment"] = max(
            changes.get("dcache_alignment", app.dcache_alignment), _SESSION_ALIGNMENT
        )
    return replace(app, **changes)


def _of_release(text: str, app: InstanceConfig) -> dict[str, Any]:
    """Return what follows from a release alone."""
    release = Release.parse(text)
    changes: dict[str, Any] = {"wire": release.wire, "signalling": release.signalling}
    changes |= dict.fromkeys(("rx_limit", "peer_rx_limit"), release.rx_limit)
    if not release.sessions:
        changes["unbound"] = "disable"
    if release.wire != app.wire:
        changes["dcache_alignment"] = SPSC_CACHE_LINE if release.wire == "spsc_pbuf" else 0
    return changes
