"""The instance that the verbs decode with: by hand, or from the files of a build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from icmsg.config.boards import DEFAULT
from icmsg.config.built_for import with_given
from icmsg.config.icbmsg import IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.instance import InstanceConfig, Region, RegionLayout, Signalling, Unbound
from icmsg.errors import ConfigurationError, MonitorError, closest
from icmsg.files import rooted_here
from icmsg.link.endpoints.instances import ICMSG, backend_of, check_given, generation_of, pair_from_files
from icmsg.link.endpoints.link import AnyLink, EndpointsLink
from icmsg.link.link import Link, default_link
from icmsg.monitor.verbs.several_settings import NAMES as SEVERAL
from icmsg.monitor.verbs.several_settings import SeveralSettings
from icmsg.monitor.verbs.syntax import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icmsg.link.endpoints import SeveralConfig
    from icmsg.soc.soc import Soc

_BY_HAND: Final = ("tx-region", "rx-region", "dcache-alignment", "unbound", "signalling")
_BLOCKS: Final = ("tx_blocks", "rx_blocks", "slots", "backend", "release")
"""Arguments that ``icmsg_regions`` takes for ICBMsg."""
_BESIDE_FILES: Final = {"endpoints", "release"}
"""Settings that may change while files tell the instance."""


@dataclass(frozen=True, slots=True)
class LinkDirection:
    """Region: ``writer`` and ``reader`` are core names, ``channel`` is what the writer rings."""

    writer: str
    reader: str
    region: Region
    layout: RegionLayout
    channel: int

    @property
    def title(self) -> str:
        """The name of the region in every line."""
        return f"{self.writer}->{self.reader} 0x{self.region.address:08X}"


class LinkSettings:
    """Instance as both sides have it; at first that of the default board."""

    def __init__(self) -> None:
        self.link = Link.of(*DEFAULT.roles, DEFAULT.instance)
        self._chosen = False
        self._soc: Soc | None = None
        self.several = SeveralSettings()
        """Settings of another backend than ICMsg, where one is chosen."""

    def suit(self, soc: Soc) -> None:
        """Join cores of ``soc``, where the ones that were joined are not there; a new SoC brings its instance."""
        if soc is self._soc:
            return
        self._soc = soc
        if not self._chosen or not set(self.link.cores) <= set(soc.cores):
            found = default_link(soc)
            kept = self.link if self._chosen or found.cores == self.link.cores else found
            self.link, self._chosen = Link.of(*found.cores, *kept.configs.values()), False

    @property
    def configs(self) -> Mapping[str, InstanceConfig]:
        """The instance as each core has it, by name."""
        return self.link.configs

    @property
    def any_link(self) -> AnyLink:
        """The link with the instance that is set, of whichever backend."""
        if not self.several.is_on:
            return self.link
        return EndpointsLink(*self.link.cores, self.several_configs, tuple(self.several.endpoints))

    @property
    def several_configs(self) -> Mapping[str, SeveralConfig]:
        """The instance as each core has it, of a backend with several endpoints."""
        return self.several.configs(self.link.cores, self._soc)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that ``icmsg config`` takes."""
        return (*self._files, *_BY_HAND, "release", "cores", *SEVERAL)

    @property
    def _files(self) -> tuple[str, ...]:
        return (*(f"{core}-{file}" for file in ("dts", "kconfig") for core in self.link.cores), "instance")

    @property
    def region_names(self) -> tuple[str, ...]:
        """The names that ``icmsg_regions`` of ``renode/icmsg_monitor.py`` takes."""
        return (*self.link.cores, "first", "second", "size", "alignment", "handshake", *_BLOCKS)

    @property
    def directions(self) -> tuple[LinkDirection, LinkDirection]:
        """The region that the first core writes, and that of the second; each as its writer has it.

        Of a backend with several endpoints the layout is that of ICMsg, and only the region counts.
        """
        configs = self.several_configs if self.several.is_on else self.configs
        one, other = (
            LinkDirection(
                core,
                self.link.other(core),
                config.tx_region,
                config.tx_layout
                if isinstance(config, InstanceConfig)
                else RegionLayout.pbuf(config.tx_region.size),
                config.tx_channel,
            )
            for core, config in configs.items()
        )
        return one, other

    def find(self, what: str) -> LinkDirection:
        """Return a region: ``FIRST->SECOND``, the core that writes it, tx or rx of the first, or an address."""
        there, back = self.directions
        word = what.lower().removeprefix("sysbus.").replace("→", "->")
        names = {"tx": there, "tx-region": there, "rx": back, "rx-region": back}
        for direction in (there, back):
            writer = direction.writer
            devices = (writer,) if self._soc is None else (writer, *self._soc.devices_of(writer))
            names |= {name.lower(): direction for name in devices}
            names[f"{writer}->{direction.reader}".lower()] = direction
        if word in names:
            return names[word]
        if word[:1].isdigit():
            address = number(word, "region")
            for direction in (there, back):
                if direction.region.address <= address < direction.region.end:
                    return direction
        raise MonitorError(
            f"{what} is no region: use {there.title}, {back.title}, or the core that writes it "
            f"({', '.join(self.link.cores)}); other regions: icmsg config"
        )

    # Showing

    def lines(self) -> list[str]:
        """Return the instance in words."""
        if self.several.is_on:
            return self.several.lines(self.several_configs)
        modes = {core: f"{config.name} of {core}: {_mode(config)}" for core, config in self.configs.items()}
        first = self.configs[self.link.first]
        lines = list(modes.values())
        if _mode(self.configs[self.link.second]) == _mode(first):
            lines = [f"{first.name}: {_mode(first)}"]
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
        given = _pairs("config", words, self.names)
        try:
            files = any(name in given for name in self._files)
            if files or (self.several.of_files and set(given) <= _BESIDE_FILES):
                self._load(given if files else {**self.several.of_files, **given})
                return
            self._check_not_of_files(given)
            if "backend" in given or self.several.is_on or any(name in given for name in SEVERAL):
                self.several = self.several.changed(given, self.link.cores, self._soc)
                if self.several.is_on:
                    return
                given.pop("backend", None)
            if "cores" in given:
                self._join(given.pop("cores"))
            self.link = self.link.with_first(_by_hand(self.configs[self.link.first], given))
        except ConfigurationError as error:
            raise MonitorError(str(error)) from error

    def _check_not_of_files(self, given: Mapping[str, str]) -> None:
        if self.several.of_files and "backend" not in given:
            raise MonitorError(
                f"{next(iter(given))} and a devicetree exclude each other: the devicetree says it already; "
                f"backend={self.several.backend} as well forgets the devicetree"
            )

    def _join(self, names: str) -> None:
        """Make the link one of two other cores, ``FIRST,SECOND``, with the same instance."""
        cores = [name for name in names.split(",") if name]
        if len(cores) != 2 or self._soc is None:
            raise MonitorError(f"cores={names}: use cores=FIRST,SECOND with two cores of a machine")
        first, second = (self._soc.core(name).name for name in cores)
        self._soc.link((first, second))
        self.link, self._chosen = Link.of(first, second, *self.configs.values()), True

    def change_regions(self, words: Sequence[str]) -> str:
        """Take over what ``icmsg_regions`` takes, and return what it prints."""
        given = _pairs("regions", words, self.region_names)
        first, second = self.link.cores
        for name, core in (("first", first), ("second", second)):
            if name in given:
                given[core] = given.pop(name)
        if given.get("backend") == ICMSG:
            self.change([f"backend={given.pop('backend')}"])
        elif self.several.is_on or any(name in given for name in _BLOCKS):
            return self._change_blocks(given)
        own = self.configs[first]
        size = number(given["size"], "size") if "size" in given else own.tx_region.size
        changes: dict[str, Any] = {
            "tx_region": Region(number(given.get(first, str(own.tx_region.address)), first), size),
            "rx_region": Region(number(given.get(second, str(own.rx_region.address)), second), size),
            "dcache_alignment": number(given.get("alignment", str(own.dcache_alignment)), "alignment"),
        }
        if "handshake" in given:
            sessions = given["handshake"].lower() == "true"
            changes |= {
                "unbound": ("enable" if own.unbound == "disable" else own.unbound) if sessions else "disable"
            }
        if given:
            try:
                self.link = self.link.with_first(replace(own, **changes))
            except ConfigurationError as error:
                raise MonitorError(str(error)) from error
        there, back = self.directions
        sessions_text = "with" if there.layout.handshake_offset is not None else "without"
        return (
            f"{there.title}, {back.title}, {there.region.size} bytes, "
            f"dcache-alignment {self.configs[first].dcache_alignment}, {sessions_text} sessions"
        )

    def _change_blocks(self, given: Mapping[str, str]) -> str:
        """Do what :meth:`change_regions` does for a backend with several endpoints."""
        cores = self.link.cores
        backend = self.several.backend if self.several.is_on else "icbmsg"
        words = {"backend": given.get("backend", backend), "dcache-alignment": f"{self._alignment}"}
        for name, core, direction in zip(("tx-region", "rx-region"), cores, self.directions, strict=True):
            address = number(given.get(core, f"{direction.region.address}"), core)
            words[name] = f"{address}:{given.get('size', direction.region.size)}"
        if isinstance(before := self.several_configs[cores[0]] if self.several.is_on else None, IcbmsgConfig):
            words |= {"tx-blocks": f"{before.tx_blocks}", "rx-blocks": f"{before.rx_blocks}"}
        names = {"alignment": "dcache-alignment", **{name: name.replace("_", "-") for name in _BLOCKS}}
        words |= {names[name]: value for name, value in given.items() if name in names}
        if given:
            self.change([f"{name}={value}" for name, value in words.items()])
        config = self.several_configs[cores[0]]
        there, back = self.directions
        text = f"{there.title}, {back.title}, {there.region.size} bytes, dcache-alignment {self._alignment}"
        if isinstance(config, IcbmsgConfig):
            text += f", {config.tx_blocks} tx and {config.rx_blocks} rx blocks"
        return text

    @property
    def _alignment(self) -> int:
        """The dcache-alignment of the first core."""
        config: SeveralConfig | InstanceConfig = self.configs[self.link.first]
        if self.several.is_on:
            config = self.several_configs[self.link.first]
        return (config.control if isinstance(config, IcmsgMeConfig) else config).dcache_alignment

    def _load(self, given: Mapping[str, str]) -> None:
        """Take over the instance that files tell, and with it the backend."""
        from icmsg.config.load import load_side  # parsing devicetrees is slow to load

        cores = self.link.cores
        if not any(f"{core}-dts" in given for core in cores):
            files = " or ".join(f"{core}-dts=@FILE" for core in cores)
            raise MonitorError(f"{next(iter(given))} goes with a devicetree: {files}")
        beside = (*self._files, "backend", *_BESIDE_FILES)
        check_given([name.replace("-", "_") for name in given if name not in beside], _called)
        backend, generation = given.get("backend"), generation_of(given.get("backend"))
        one, other = pair_from_files(
            *(
                load_side(_path(dts), _kconfig(given, core), given.get("release"), core, generation)
                if (dts := given.get(f"{core}-dts"))
                else None
                for core in cores
            ),
            instance=given.get("instance"),
            backend=backend,
            endpoints=len(given["endpoints"].split(",")) if "endpoints" in given else 0,
            given=["slots"] if "slots" in given else [],
            called=_called,
        )
        if isinstance(one, InstanceConfig):
            assert isinstance(other, InstanceConfig)
            self.link, self.several = Link.of(*cores, one, other), SeveralSettings()
        else:
            assert not isinstance(other, InstanceConfig)
            loaded = dict(zip(cores, (one, other), strict=True))
            self.several = SeveralSettings({**given, "backend": backend_of(one)}, loaded)


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


def _kconfig(given: Mapping[str, str], core: str) -> str | None:
    found = given.get(f"{core}-kconfig")
    return None if found is None else _path(found)


def _called(name: str) -> str:
    return name.replace("_", "-")


def _path(text: str) -> str:
    return rooted_here(text.removeprefix("@"))


def _by_hand(config: InstanceConfig, given: Mapping[str, str]) -> InstanceConfig:
    changes: dict[str, Any] = {}
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
    return with_given(config, changes, given.get("release"))
