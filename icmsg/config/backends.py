"""ICBMsg and icmsg_me of a node and the Kconfig of its side: their configurations, and the checks of both sides.

What a devicetree says of ``unbound`` has no effect on either: their control channel always bonds by the magic.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icmsg.config.devicetree import ME_FOLLOWER, ME_INITIATOR
from icmsg.config.findings import Finding
from icmsg.config.icbmsg import BlockLayout, IcbmsgConfig
from icmsg.config.icmsg_me import IcmsgMeConfig
from icmsg.config.kconfig import (
    ICBMSG_DEINIT,
    ICBMSG_NUM_EP,
    ME_NAME_LEN,
    ME_NUM_EP,
    ME_SEND_BUF,
    REPEAT,
    SLOTS,
)
from icmsg.errors import ConfigurationError, DevicetreeError, KconfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icmsg.config.devicetree import IcmsgNode
    from icmsg.config.findings import SourceLocation
    from icmsg.config.icbmsg import Generation
    from icmsg.config.load import Side

DEFAULT_NUM_EP = 4
DEFAULT_SLOTS = 16
_ME_NUM_EP, _ME_SEND_BUF, _ME_NAME_LEN = 2, 255, 32
_LEAST_ALIGNMENT: Final = 4
_RELEASES: Final = {"3.6": "Zephyr 3.6 to 4.0", "4.1": "Zephyr 4.1 to 4.4", "rework": "a Zephyr after 4.4"}


def icbmsg_config(side: Side, node: IcmsgNode) -> IcbmsgConfig:
    """Return the configuration of an ICBMsg node.

    Raises:
        DevicetreeError: it can never bind; with file and line.
    """
    assert node.tx_blocks is not None
    assert node.rx_blocks is not None
    facts = side.kconfig
    try:
        return IcbmsgConfig(
            tx_region=node.tx_region.region,
            rx_region=node.rx_region.region,
            tx_blocks=node.tx_blocks,
            rx_blocks=node.rx_blocks,
            tx_channel=node.tx_channel.number,
            rx_channel=node.rx_channel.number,
            dcache_alignment=node.dcache_alignment or 0,
            generation=side.generation,
            num_ep=_number(side, ICBMSG_NUM_EP, DEFAULT_NUM_EP),
            slots=_number(side, SLOTS, DEFAULT_SLOTS),
            deinit=facts is None or facts.switch(ICBMSG_DEINIT) is True,
            signalling=None if side.generation == "rework" else side.release.signalling,
            bond_notify_repeat_to_ms=_number(side, REPEAT, 1),
            name=node.name,
        )
    except ConfigurationError as error:
        raise blamed(node, str(error)).error(DevicetreeError, f"{node.path}: {error}") from None


def icmsg_me_config(side: Side, node: IcmsgNode) -> IcmsgMeConfig:
    """Return the configuration of a node of icmsg_me.

    Raises:
        DevicetreeError: it can never bond; with file and line.
        KconfigError: the same, and the reason is in Kconfig.
    """
    control = side.config(node)
    try:
        return IcmsgMeConfig(
            control,
            "initiator" if node.compatible == ME_INITIATOR else "follower",
            num_ep=_number(side, ME_NUM_EP, _ME_NUM_EP),
            send_buf_size=_number(side, ME_SEND_BUF, _ME_SEND_BUF),
            ep_name_len=_number(side, ME_NAME_LEN, _ME_NAME_LEN),
        )
    except ConfigurationError as error:
        option = ME_SEND_BUF if "send_buf_size" in str(error) else ME_NAME_LEN
        assert side.kconfig is not None  # the defaults are good
        raise side.kconfig.settings[option].place.error(KconfigError, f"CONFIG_{option}: {error}") from None


def _number(side: Side, option: str, default: int) -> int:
    known = side.kconfig.number(option) if side.kconfig is not None else None
    return default if known is None else known


def blamed(node: IcmsgNode, text: str) -> SourceLocation:
    """Return the place of what a configuration complains about in ``text``."""
    if "dcache" in text:
        return node.place_of("dcache-alignment" if node.dcache_alignment is not None else "unbound")
    if "unbound" in text:
        return node.place_of("unbound")
    if " blocks: " in text:
        return node.place_of("rx-blocks" if text.startswith("rx-region") else "tx-blocks")
    if "rx-region" in text:
        return node.rx_region.place
    return node.tx_region.place if "tx-region" in text else node.place_of("mboxes")


def check_endpoints(
    first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode, option: str
) -> Iterator[Finding]:
    """Yield that one side has room for fewer endpoints, by the Kconfig ``option``, where the files of both say it."""
    one, other = (side.kconfig.number(option) if side.kconfig else None for side in (first, second))
    if one is None or other is None or one == other:
        return
    side, node = (first, ours) if one < other else (second, theirs)
    fewer, more = sorted((one, other))
    assert side.kconfig is not None
    yield Finding(
        "warning",
        "endpoints-differ",
        side.core,
        node.path,
        side.kconfig.settings[option].place,
        f"{side.core} has room for {fewer} endpoints and the other side for {more}: what is registered beyond {fewer} "
        f"never binds. Keep to {fewer}, or set CONFIG_{option}={more}",
    )


def check_icmsg_me_pair(first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode) -> Iterator[Finding]:
    """Yield what keeps two instances of icmsg_me from binding, beside what ICMsg needs."""
    if ours.compatible == theirs.compatible:
        both = ours.compatible == ME_INITIATOR
        why = (
            "each takes the other's names for answers, so that endpoints bind by number, whatever they are called"
            if both
            else "each waits for the names of the other, and nothing binds"
        )
        yield Finding(
            "error",
            "roles-equal",
            second.core,
            theirs.path,
            theirs.place_of("compatible"),
            f"{theirs.compatible} is what {first.core} is, too ({ours.place_of('compatible')}): {why}. Make one side "
            f"{ME_FOLLOWER if both else ME_INITIATOR}",
        )
    yield from check_endpoints(first, ours, second, theirs, ME_NUM_EP)


def check_icbmsg_side(side: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    """Yield what is to know about ``nodes`` of ICBMsg and icmsg_me, instances of one side."""
    for node in nodes:
        if node.backend != "icmsg" and node.unbound is not None:
            yield Finding(
                "note",
                "unbound-ignored",
                side.core,
                node.path,
                node.place_of("unbound"),
                f'unbound = "{node.unbound}" has no effect on {node.compatible}, which always bonds as with "disable": '
                "take it away",
            )
        if node.backend == "icbmsg" and _is_open(side, node):
            known = " or ".join(side.generations)
            yield Finding(
                "note",
                "generation-open",
                side.core,
                node.path,
                node.place,
                f"Zephyr {side.releases} ({side.release_source}) may have ICBMsg of generation {known}, which differ "
                f"here: taken as {side.generation}. Give --generation, the release, or the build's zephyr/.config",
            )
    if side.generation == "rework":
        yield from _one_alignment(side, nodes)


def _one_alignment(side: Side, nodes: Sequence[IcmsgNode]) -> Iterator[Finding]:
    """Yield instances whose alignment is not that of the image's first one, with which the rework does not build."""
    first = next((node for node in side.devicetree.instances if node.backend == "icbmsg"), None)
    for node in nodes:
        if first is None or node.backend != "icbmsg" or _alignment_of(node) == _alignment_of(first):
            continue
        yield Finding(
            "error",
            "alignments-of-image",
            side.core,
            node.path,
            node.place_of("dcache-alignment"),
            f"dcache-alignment is {node.dcache_alignment or 0} here and {first.dcache_alignment or 0} of {first.path} "
            f"({first.place_of('dcache-alignment')}), but ICBMsg after Zephyr 4.4 builds only with one for all "
            f"instances of an image: set dcache-alignment = <{max(_alignment_of(node), _alignment_of(first))}> on each",
        )


def _alignment_of(node: IcmsgNode) -> int:
    return max(node.dcache_alignment or 0, _LEAST_ALIGNMENT)


def _is_open(side: Side, node: IcmsgNode) -> bool:
    """Tell whether the generations that the build may have lay out a region of ``node`` in several ways."""
    back = replace(node, tx_region=node.rx_region, tx_blocks=node.rx_blocks, rx_blocks=node.tx_blocks)
    return any(
        len({_shape(_layout(each, generation)) for generation in side.generations}) > 1
        for each in (node, back)
    )


def check_icbmsg_pair(first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode) -> Iterator[Finding]:
    """Yield what keeps two instances of ICBMsg from binding, beside regions and channels.

    Nothing of it is negotiated. The rework compares the numbers of blocks, and only where it finds the peer's packet;
    all else shows as silence, or as damaged blocks.
    """
    yield from _IcbmsgPair(first, ours, second, theirs).check()


class _IcbmsgPair:
    def __init__(self, first: Side, ours: IcmsgNode, second: Side, theirs: IcmsgNode) -> None:
        self._first, self._ours, self._second, self._theirs = first, ours, second, theirs

    def check(self) -> Iterator[Finding]:
        different = [*self._blocks(), *self._alignment()]
        yield from different
        if (self._first.generation == "rework") != (self._second.generation == "rework"):
            yield self._generations("announces messages in queues of its own, not over ICMsg")
            return
        if self._first.generation == "rework":
            yield from self._depth()
        elif not different and self._first.generation != self._second.generation:
            yield from self._layouts()
        yield from check_endpoints(self._first, self._ours, self._second, self._theirs, ICBMSG_NUM_EP)

    def _finding(self, code: str, place: SourceLocation, message: str) -> Finding:
        return Finding("error", code, self._second.core, self._theirs.path, place, message)

    def _blocks(self) -> Iterator[Finding]:
        ours, theirs = self._ours, self._theirs
        counts = ours.tx_blocks, ours.rx_blocks
        if counts == (theirs.tx_blocks, theirs.rx_blocks) and ours.tx_blocks != ours.rx_blocks:
            yield self._finding(
                "blocks-not-swapped",
                theirs.place_of("tx-blocks"),
                f"tx-blocks = <{theirs.tx_blocks}> and rx-blocks = <{theirs.rx_blocks}> are those of "
                f"{self._first.core} ({ours.place_of('tx-blocks')}), and the blocks would begin elsewhere: swap the "
                "two numbers on one side",
            )
            return
        for writer, sender, reader, taker, name in (
            (self._first, ours, self._second, theirs, "rx-blocks"),
            (self._second, theirs, self._first, ours, "tx-blocks"),
        ):
            if sender.tx_blocks != taker.rx_blocks:
                yield self._finding(
                    "blocks-differ",
                    theirs.place_of(name),
                    f"{writer.core} has tx-blocks = <{sender.tx_blocks}> ({sender.place_of('tx-blocks')}), but "
                    f"{reader.core} rx-blocks = <{taker.rx_blocks}> ({taker.place_of('rx-blocks')}), and each looks "
                    "for the blocks elsewhere: use one number for both",
                )

    def _alignment(self) -> Iterator[Finding]:
        ours, theirs = self._ours.dcache_alignment or 0, self._theirs.dcache_alignment or 0
        if max(ours, _LEAST_ALIGNMENT) != max(theirs, _LEAST_ALIGNMENT):
            yield self._finding(
                "alignments-differ",
                self._theirs.place_of("dcache-alignment"),
                f"indices, queues and blocks are aligned to {max(theirs, _LEAST_ALIGNMENT)} bytes here, but to "
                f"{max(ours, _LEAST_ALIGNMENT)} for {self._first.core} ({self._ours.place_of('dcache-alignment')}): "
                f"set dcache-alignment = <{max(ours, theirs)}> on both sides",
            )

    def _generations(self, why: str) -> Finding:
        one, other = self._first, self._second
        taken = (
            f"{_words(one)} has ICBMsg of generation {one.generation}, {_words(other)} of generation "
            f"{other.generation}: the newer one {why}"
        )
        if set(one.generations) & set(other.generations):
            return Finding(
                "warning",
                "generations-open",
                other.core,
                self._theirs.path,
                self._theirs.place,
                f"as taken, {taken}. Give --generation, or the release, of each",
            )
        return self._finding(
            "generations-differ",
            self._theirs.place,
            f"{taken}, and the two can never bind. Build both with {_RELEASES[one.generation]}, or both with "
            f"{_RELEASES[other.generation]}",
        )

    def _layouts(self) -> Iterator[Finding]:
        """Yield where the layouts of the two classic generations differ; with little alignment they do not."""
        for sender, side, reader in (
            (self._ours, self._first, self._second),
            (self._theirs, self._second, self._first),
        ):
            own, read = (_layout(sender, each.generation) for each in (side, reader))
            if _shape(own) != _shape(read):
                yield self._generations(
                    f"lays out the region of {side.core} otherwise (generation {side.generation}: blocks of "
                    f"{own.block_size} bytes from offset {own.blocks_offset} on, {reader.generation}: of "
                    f"{read.block_size} from {read.blocks_offset} on)"
                )
                return

    def _depth(self) -> Iterator[Finding]:
        ours, theirs = _slots(self._first), _slots(self._second)
        if ours != theirs:
            places = [
                f" ({side.kconfig.settings[SLOTS].place})"
                if side.kconfig and SLOTS in side.kconfig.settings
                else ""
                for side in (self._first, self._second)
            ]
            yield self._finding(
                "depths-differ",
                self._theirs.place,
                f"{self._first.core} has CONFIG_{SLOTS}={ours}{places[0]}, {self._second.core} {theirs}{places[1]}, "
                "which nobody negotiates: the queues lie and wrap elsewhere. Use one number for both",
            )


def _words(side: Side) -> str:
    return f"{side.core} (Zephyr {side.releases})"


def _slots(side: Side) -> int:
    known = side.kconfig.number(SLOTS) if side.kconfig is not None else None
    return DEFAULT_SLOTS if known is None else known


def _layout(node: IcmsgNode, generation: Generation) -> BlockLayout:
    """Return the layout of the tx-region of ``node``."""
    region = node.tx_region.region
    return BlockLayout.of(
        generation,
        region.address,
        region.size,
        local=node.tx_blocks or 0,
        remote=node.rx_blocks or 0,
        dcache_alignment=node.dcache_alignment or 0,
    )


def _shape(layout: BlockLayout) -> tuple[int, int, int]:
    return layout.queue_size, layout.blocks_offset, layout.block_size
