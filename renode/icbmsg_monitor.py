# ruff: noqa: ANN001, ANN201, ANN204, B904, B905, C402, C403, D102, D103, F821, RUF005, UP004, UP031
# IronPython 2.7 knows no annotations and none of the newer idioms.
"""What ``icmsg_monitor.py`` says of regions of ICBMsg: control messages, queues, blocks, endpoints.

That file includes this one, which has no commands of its own. The layouts are those of
``icmsg/config/icbmsg.py``, the words those of ``icmsg/link/endpoints/region_view.py`` and
``icmsg/monitor/verbs/status.py``. Which endpoints are bound, and which blocks in use, memory tells only as long
as the control messages since the start are still there; otherwise that is said.
This runs where ``icmsg_monitor.py`` does, in the same scope and by the same rules.
"""

icmsg_releases = {"3.6": "Zephyr 3.6 to 4.0", "4.1": "Zephyr 4.1 to 4.4", "rework": "after Zephyr 4.4"}
icmsg_opened = [0xAB, 0x89, 0x67, 0x45, 0x45, 0x67, 0x89, 0xAB]


def icmsg_up(value, unit):
    return -(-value // unit) * unit


def icmsg_listed(count, what):
    return "%d %s%s" % (count, what, "s"[count == 1 :])


class IcmsgBlocks(object):
    """Layout of one region: ``local`` blocks of its writer, where the other direction has ``remote``."""

    def __init__(self, region, generation, local, remote, alignment, slots):
        self.region, self.generation, self.count, self.slots = region, generation, local, slots
        unit = max(4, alignment)
        self.begin = -region.address % unit
        length = (region.address + region.size) // unit * unit - region.address - self.begin
        most, self.queue = 256, 0
        if generation == "rework":
            most, self.queue = 32, icmsg_up(8 + slots, unit)
            least, smallest = 2 * self.queue, icmsg_up(-(-20 // max(local, 1)), unit)
        else:
            least, smallest = unit + 20 + 8 * (local + remote), 2 * unit
        step = unit
        if generation == "4.1":
            least, step, smallest = icmsg_up(least, unit), 4, 4
        if unit & unit - 1:
            raise IcmsgError("alignment=%d is no power of two, which ICBMsg needs" % unit)
        if not 1 <= local <= most:
            raise IcmsgError("%s has %d blocks: ICBMsg has 1 to %d there" % (region.title(), local, most))
        self.size = (length - least) // local // step * step
        if self.size < smallest:
            form = "%s is too small for %d blocks: use a larger size, or fewer blocks"
            raise IcmsgError(form % (region.title(), local))
        self.start = self.begin + length - self.size * local
        if generation != "rework":
            control = self.start - self.begin
            self.control = IcmsgRegion(
                region.writer, region.reader, region.address + self.begin, control, unit, False
            )

    def words(self):
        at = self.region.address + self.start
        release = icmsg_releases[self.generation]
        return "%d blocks of %d bytes from 0x%08X (%s)" % (self.count, self.size, at, release)

    def message(self, data, block):
        """Return (header, payload, what is wrong or None) of the message at a block of the region's bytes."""
        if block >= self.count:
            form = "the message is said to begin at block %d, but there are only blocks 0...%d: "
            return (
                0,
                [],
                (form + "the peer is broken, or has another number of blocks") % (block, self.count - 1),
            )
        at = self.start + block * self.size
        header = icmsg_u32(data, at)
        size = header & (0xFFFF if self.generation == "rework" else 0xFFFFFFFF)
        room = self.size * (self.count - block) - 4
        if size > room:
            form = "block %d announces %d bytes where %d fit: the peer is broken, or has another layout "
            form += "(generation, dcache-alignment, number of blocks)"
            return 0, [], form % (block, size, room)
        return header, data[at + 4 : at + 4 + size], None

    def blocks_of(self, payload):
        return -(-(len(payload) + 4) // self.size)

    def control_words(self, data, packet):
        """Return a control message of the classic generations in words, with what lies in the block that it names."""
        if len(packet) < 3:
            return "%s, which is no control message" % icmsg_hex(packet)
        kind, number, block = packet[:3]
        if kind == 1:
            return "RELEASE_DATA of block %d" % block
        if kind == 3:
            return "RELEASE_BOUND of endpoint %d, block %d" % (number, block)
        if kind not in (0, 2):
            return "type %d, endpoint %d, block %d" % (kind, number, block)
        payload, problem = self.message(data, block)[1:]
        text = "%s for endpoint %d at block %d" % ("BOUND" if kind else "DATA", number, block)
        if problem is not None:
            return "%s, which is broken: %s" % (text, problem)
        return "%s: %s" % (text, '"%s"' % icmsg_name(payload) if kind else icmsg_shown(payload))

    def queued_words(self, data, block):
        """Return the message of the rework at a block in words."""
        header, payload, problem = self.message(data, block)
        if problem is not None:
            return "block %d, which is broken: %s" % (block, problem)
        if header >> 24 == 0xFF:
            return "block %d %s" % (block, icmsg_packet_words(payload))
        return "block %d for endpoint %d: %s" % (block, header >> 24, icmsg_shown(payload))

    def block_lines(self, data, most):
        """Return a line for each block that a message could begin at."""
        lines, block = [], 0
        while block < self.count and len(lines) < most:
            header, payload, problem = self.message(data, block)
            if problem is None and header:
                number = header >> 24
                what = ", a control packet" if number == 0xFF else ", endpoint %d" % number
                what = what if self.generation == "rework" else ""
                lines.append("  block %3d: %s%s" % (block, icmsg_shown(payload), what))
                block += self.blocks_of(payload)
            else:
                block += 1
        return lines

    def hex_lines(self, data):
        """Return the region in hex, part by part."""
        parts = [(self.begin, "ICMsg region: control messages")]
        if self.generation == "rework":
            parts = [(self.begin, "producer queue"), (self.begin + self.queue, "consumer queue")]
        parts += [(self.start + block * self.size, "block %d" % block) for block in range(self.count)]
        lines = []
        for (begin, title), end in zip(parts, [begin for begin, _ in parts[1:]] + [len(data)]):
            part, before = data[begin:end], None
            zeros = "" if any(part) else ": zeros"
            lines.append("  0x%08X  %s%s" % (self.region.address + begin, title, zeros))
            for at in range(0, 0 if zeros else len(part), 16):
                row = part[at : at + 16]
                if row != before:
                    lines.append("  +%-5d  %-47s  |%s|" % (at, icmsg_hex(row), icmsg_printable(row)))
                before = row
        return lines


def icmsg_shown(payload):
    more = " ..." if len(payload) > 16 else ""
    return (
        "%s %s%s" % (icmsg_listed(len(payload), "byte"), icmsg_hex(payload[:16]), more)
        if payload
        else "0 bytes"
    )


def icmsg_name(payload):
    """Return the name of an endpoint, up to its NUL."""
    end = payload.index(0) if 0 in payload else len(payload)
    return bytearray(payload[:end]).decode("utf-8", "replace")


def icmsg_counts(packet):
    """Return (tx, rx) blocks that the rework's bound packet says its sender has; None for any other packet."""
    if packet[:8] != icmsg_opened or len(packet) < 16:
        return None
    return icmsg_u32(packet, 8), icmsg_u32(packet, 12)


def icmsg_packet_words(packet):
    """Return a control packet of the rework in words."""
    counts = icmsg_counts(packet)
    if counts is not None:
        return "opens: %d tx and %d rx blocks" % counts
    if packet[:1] == [0] and len(packet) >= 6:
        return "names endpoint %d, hash 0x%08x" % (packet[1], icmsg_u32(packet, 2))
    if packet[:1] == [1] and len(packet) >= 2:
        return "unbinds endpoint %d" % packet[1]
    return "control packet of no known form: %s" % icmsg_shown(packet)


class IcmsgClassicSide(object):
    """The region of one writer at one moment, in the generations of Zephyr 3.6 to 4.4."""

    def __init__(self, blocks, data, machine):
        self.blocks, self.data = blocks, data
        self.view = blocks.control.read(machine)
        self.history, at = [], self.view.wr_idx
        length = 0 if self.view.problem and self.view.problem[:2] in ("rd", "wr") else len(self.view.data)
        ring = self.view.data * 2
        while len(self.history) * 8 + 8 <= length:
            packet = ring[(at - 8) % length :][:8]
            if packet[:4] != [0, 3, 0, 0] or packet[4] > 3:
                break
            self.history.insert(0, packet[4:7])
            at = (at - 8) % length
        self.whole = bool(length) and at == 20 and icmsg_is_magic(self.view.first)
        self.taken = self.history[: len(self.history) - len([p for p in self.view.pending if len(p) == 3])]

    def words(self, back):
        found = ["control %s" % self.view] + self.blocks.control.bond_words(self.view, back.view)
        waiting = [packet for packet in self.view.pending if not self.is_magic(packet)]
        texts = [self.blocks.control_words(self.data, packet) for packet in waiting[:8]]
        texts += ["and %d more" % (len(waiting) - 8)] if len(waiting) > 8 else []
        found += ["waiting: %s" % ", ".join(texts)] if texts else []
        return found + [self.blocks.words()]

    def is_magic(self, packet):
        return len(packet) == 13 and icmsg_is_magic(packet)

    def use_words(self, back):
        """Return which blocks the writer has in use: those that were announced, and whose release it has not taken."""
        if not (self.whole and back.whole):
            return None if icmsg_untouched(self.view) else "memory does not say which blocks are in use"
        left = [block for kind, _, block in self.history if kind in (0, 2)]
        for kind, _, block in back.taken:
            if kind in (1, 3) and block in left:
                left.remove(block)
        used = [
            (block, self.blocks.blocks_of(self.blocks.message(self.data, block)[1])) for block in sorted(left)
        ]
        spans = ["%d" % block if size < 2 else "%d-%d" % (block, block + size - 1) for block, size in used]
        what = "%s has %d of %d blocks in use" % (
            self.blocks.region.writer,
            sum([size for _, size in used]),
            self.blocks.count,
        )
        return what + (": %s" % ", ".join(spans) if spans else "")

    def names(self):
        """Return {number: name or None} of the endpoints that the writer, as initiator, has named."""
        found, held = {}, {}
        for kind, number, block in self.history:
            held[block] = number if kind == 2 else held.get(block) if kind in (1, 3) else None
            if kind == 2:
                found[number] = block
        return dict(
            (number, self.name_at(block) if held[block] == number else None)
            for number, block in found.items()
        )

    def name_at(self, block):
        payload = self.blocks.message(self.data, block)[1]
        return icmsg_name(payload) if payload[-1:] == [0] and len(payload) > 1 else None

    def endpoint_words(self, back):
        """Return the endpoints that the initiator, the writer of this region, has named; None where it says nothing."""
        names = self.names()
        bound = set([number for kind, number, _ in back.history if kind in (0, 3)])
        if not (names or bound):
            return None
        texts = []
        for number in sorted(set(names) | bound):
            name = names.get(number)
            state = "named, not bound" if back.whole else "named, and bound or not"
            state = "bound" if number in bound else state
            called = "an endpoint whose name is overwritten" if name is None else '"%s"' % name
            texts.append("%s %s (number %d)" % (called, state, number))
        return "endpoints: %s" % ", ".join(texts)


def icmsg_untouched(view):
    return not (view.wr_idx or view.rd_idx or icmsg_is_magic(view.first))


class IcmsgReworkSide(object):
    """The region of one writer at one moment, in the rework."""

    def __init__(self, blocks, data, _machine):
        self.blocks, self.data, slots = blocks, data, blocks.slots
        consumer = blocks.begin + blocks.queue
        self.sent, self.returned = icmsg_u32(data, blocks.begin), icmsg_u32(data, consumer)
        self.entries = self.last(blocks.begin, self.sent)
        self.open = (self.sent - self.returned) & 0xFFFFFFFF
        self.left = []
        if 0 < self.open <= slots and self.sent <= slots:
            self.left = list(self.entries)
            for block in self.last(consumer, self.returned):
                if block in self.left:
                    self.left.remove(block)
        self.packet = icmsg_bound_packet(data)
        self.counts = None if self.packet is None else icmsg_counts(data[self.packet : self.packet + 16])

    def last(self, queue, count, most=None):
        """Return the blocks of the last entries of a queue, in order."""
        slots = self.blocks.slots
        ring = self.data[queue + 8 : queue + 8 + slots]
        most = min(count, slots) if most is None else most
        return [ring[number % slots] & 0x7F for number in range(count - most, count)]

    def words(self, _back):
        writer = self.blocks.region.writer
        if not self.sent and not self.returned:
            found = ["%s has sent nothing" % writer]
        elif self.open > self.blocks.slots:
            form = "sent %d, given back %d: these counts make no sense"
            found = [form % (self.sent, self.returned)]
        else:
            at = ", %d not" % self.open if self.open else ""
            if self.left:
                at = ", not given back: block %s" % ", ".join(["%d" % block for block in self.left])
            found = ["%s sent, %d given back%s" % (icmsg_listed(self.sent, "message"), self.returned, at)]
        if self.counts is not None:
            found.append("%s says it has %d tx and %d rx blocks" % ((writer,) + self.counts))
        return found + [self.blocks.words()] + self.elsewhere()

    def elsewhere(self):
        """Return what is said where the bound packet lies where no block begins."""
        at = None if self.packet is None else self.packet - 4 - self.blocks.start
        if at is None or (at >= 0 and at % self.blocks.size == 0):
            return []
        form = (
            "the bound packet lies at 0x%08X, where no block begins with %d slots: icmsg_regions slots=N, or "
        )
        return [(form + "alignment=BYTES") % (self.blocks.region.address + self.packet, self.blocks.slots)]

    def use_words(self, _back):
        return None

    def is_whole(self):
        """Return whether every message that was ever sent still lies in its block."""
        return len(set(self.entries)) == self.sent

    def named(self):
        """Return {hash: the writer's slot} of what control packets in the blocks name, and the slots they unbind."""
        named, unbound = {}, []
        recent = self.entries if self.open <= self.blocks.slots else []
        older = [block for block in range(self.blocks.count) if block not in recent]
        for block in older + recent:
            header, payload, problem = self.blocks.message(self.data, block)
            if problem is not None or header >> 24 != 0xFF or header >> 16 & 0xFF != block:
                continue
            if payload[:1] == [0] and len(payload) == 6:
                named[icmsg_u32(payload, 2)] = payload[1]
                unbound = [slot for slot in unbound if slot != payload[1]]
            elif payload[:1] == [1] and len(payload) == 6:
                unbound.append(payload[1])
        return named, unbound

    def endpoint_words(self, back):
        """Return the endpoints that either side has named, by hash: the wire has no names."""
        (own, gone), (others, gone_there) = self.named(), back.named()
        one, other = self.blocks.region.writer, back.blocks.region.writer
        texts = []
        for value in sorted(set(own) | set(others)):
            slots = [
                "slot %d of %s" % (named[value], core)
                for named, core in ((own, one), (others, other))
                if value in named
            ]
            state = "named, not bound" if self.is_whole() and back.is_whole() else "named, and bound or not"
            state = "bound" if len(slots) == 2 else state
            if others.get(value) in gone or own.get(value) in gone_there:
                state = "unbound by %s" % (one if others.get(value) in gone else other)
            texts.append("0x%08x %s (%s)" % (value, state, ", ".join(slots)))
        return "endpoints, by hash: %s" % ", ".join(texts) if texts else None


def icmsg_bound_packet(data):
    """Return the offset of the rework's bound packet, behind a header of its own; None where there is none."""
    for at in range(4, len(data) - 15, 4):
        if data[at] == 0xAB and data[at : at + 8] == icmsg_opened and data[at - 4 : at - 2] == [16, 0]:
            tx, rx = icmsg_counts(data[at : at + 16])
            if data[at - 1] == 0xFF and data[at - 2] < tx <= 32 and 1 <= rx <= 32:
                return at
    return None


def icmsg_other_backend(content, view):
    """Return what tells that the region is one of ICBMsg, and what has to be given to decode it; None for ICMsg, or
    where nothing tells.
    """
    how = "icmsg_regions tx_blocks=N rx_blocks=N%s, as the devicetree of the first core has them, decodes it"
    data = view.data
    if icmsg_is_magic(data[4:17]) and data[20:24] == [0, 3, 0, 0] and data[24] in (2, 3):
        return "this looks like ICBMsg of Zephyr 3.6 to 4.4: " + how % ""
    sent, high, returned = [icmsg_u32(content, at) for at in (0, 4, 24)]
    if view.problem and 0 <= sent - returned <= 16 and high <= sent < 1 << 31 and not any(content[28:32]):
        return "this may be ICBMsg after Zephyr 4.4: " + how % ' backend="icbmsg-rework"'
    return None


class IcmsgBlocksLink(object):
    """Both regions at one moment; the first one is that of the first core."""

    def __init__(self, blocks, contents, machine):
        self.blocks, self.machine = blocks, machine
        kind = IcmsgReworkSide if blocks[0].generation == "rework" else IcmsgClassicSide
        self.sides = [kind(layout, data, machine) for layout, data in zip(blocks, contents)]

    def head(self, writer):
        """Return title and words of the region that a core writes, and its side."""
        side, back = self.sides if self.blocks[0].region.writer == writer else self.sides[::-1]
        region = side.blocks.region
        return ["%s->%s 0x%08X" % (region.writer, region.reader, region.address)] + [
            "  %s" % text for text in side.words(back)
        ], side

    def status_lines(self):
        one, other = self.sides
        lines = []
        for side, back in ((one, other), (other, one)):
            lines += self.head(side.blocks.region.writer)[0]
            used = side.use_words(back)
            lines += ["  %s" % used] if used is not None else []
        # The initiator is the side whose rx blocks lie lower; in the rework either one may tell.
        at = [side.blocks.region.address + side.blocks.start for side in self.sides]
        initiator, follower = (one, other) if at[0] > at[1] or self.is_rework() else (other, one)
        lines.append(initiator.endpoint_words(follower))
        if self.is_rework() and None not in (one.counts, other.counts) and one.counts != other.counts[::-1]:
            form = "%s has %d tx and %d rx blocks, %s %d tx and %d rx: the two can never bind"
            pair = (one.blocks.region.writer,) + one.counts + (other.blocks.region.writer,) + other.counts
            lines.append((form + "; set tx-blocks of each side to rx-blocks of the other") % pair)
        return [line for line in lines if line is not None]

    def is_rework(self):
        return self.blocks[0].generation == "rework"

    def dump_lines(self, region, most):
        lines, side = self.head(region.writer)
        if most is None:
            return lines + side.blocks.hex_lines(side.data)
        return lines + side.blocks.block_lines(side.data, most)


def icmsg_find_blocks(machine, settings):
    """Return the link as memory and what icmsg_regions was told say it is; None for one that is not ICBMsg."""
    values, regions = settings.values, settings.regions
    if settings.generation == "icmsg":
        return None
    contents = [
        [int(byte) for byte in machine.SystemBus.ReadBytes(each.address, each.size)] for each in regions
    ]
    generation, given = settings.generation, [(values["tx_blocks"], values["rx_blocks"])]
    given.append(given[0][::-1])
    if generation is None or not given[0][0]:
        places = [icmsg_bound_packet(data) for data in contents]
        said = [at if at is None else icmsg_counts(data[at : at + 16]) for at, data in zip(places, contents)]
        # A message may soon lie where the bound packet was.
        before = settings.known[1] if settings.known[0] == machine else [None, None]
        said = [now or then for now, then in zip(said, before)]
        settings.known = machine, said
        if said != [None, None]:
            generation = "rework"
            given = [said[0] or said[1][::-1], said[1] or said[0][::-1]] if not given[0][0] else given
        elif not given[0][0]:
            return None
    return IcmsgBlocksLink(icmsg_blocks_of(regions, generation, values, given), contents, machine)


def icmsg_blocks_of(regions, generation, values, counts=None):
    """Return the layouts of both regions; ``counts`` are those of tx and rx blocks, as each writer has them."""
    given = values["tx_blocks"], values["rx_blocks"]
    return [
        IcmsgBlocks(region, generation or "4.1", tx, rx, values["alignment"], values["slots"] or 16)
        for region, (tx, rx) in zip(regions, counts or (given, given[::-1]))
    ]


def icmsg_generation(generation, backend, release):
    """Return the generation that backend and release mean, ``generation`` where neither is given."""
    if backend not in (None, "icbmsg", "icbmsg-rework", "icmsg"):
        raise IcmsgError('no backend "%s"; there are "icbmsg", "icbmsg-rework", "icmsg"' % backend)
    if release is None:
        named = {"icbmsg": "4.1", "icbmsg-rework": "rework", "icmsg": "icmsg"}
        return named.get(backend, None if generation == "icmsg" else generation)
    if backend in ("icbmsg-rework", "icmsg"):
        raise IcmsgError('release and backend="%s" exclude each other: leave one away' % backend)
    try:
        parts = [int(part) for part in str(release).lstrip("v").split(".")[:2]]
    except ValueError:
        raise IcmsgError('release="%s" is none: use one as "3.7"' % release)
    if parts < [3, 6]:
        raise IcmsgError("release %s has no ICBMsg, which came with Zephyr 3.6" % release)
    return "3.6" if parts < [4, 1] else "4.1"


class IcmsgClassicFollower(IcmsgFollower):
    """Sees control messages, with what they announce."""

    def __init__(self, blocks, back, machine):
        IcmsgFollower.__init__(self, blocks.control, back.control, machine)
        self.blocks, self.told = blocks, True

    def words(self, packet):
        if len(packet) == 13 and icmsg_is_magic(packet):
            return icmsg_packet_text(packet)
        region = self.blocks.region
        data = [int(byte) for byte in self.machine.SystemBus.ReadBytes(region.address, region.size)]
        return self.blocks.control_words(data, packet)


class IcmsgAnyFollower(object):
    """Sees what the writer of ``tx`` sends, by ICMsg or by ICBMsg; the rework shows as soon as a side has opened."""

    def __init__(self, tx, rx, machine):
        self.tx, self.machine, self.seen = tx, machine, 0
        self.plain = IcmsgFollower(tx, rx, machine)
        side, back = self.sides() or (None, None)
        if isinstance(side, IcmsgReworkSide):
            self.seen = side.sent if side.open <= side.blocks.slots else 0
        elif side is not None:
            self.plain = IcmsgClassicFollower(side.blocks, back.blocks, machine)

    def sides(self):
        """Return the side that is seen, and the other one; None for ICMsg."""
        link = icmsg_find_blocks(self.machine, icmsg_settings)
        if link is None:
            return None
        return link.sides if link.blocks[0].region.writer == self.tx.writer else link.sides[::-1]

    def news(self):
        """Return lines about what has come since the last call."""
        side = None if isinstance(self.plain, IcmsgClassicFollower) else (self.sides() or [None])[0]
        if not isinstance(side, IcmsgReworkSide):
            return self.plain.news()
        new, slots, lines = (side.sent - self.seen) & 0xFFFFFFFF, side.blocks.slots, []
        if side.open > slots or new > slots:
            new = min(new, slots)
            lines = ["the counts went back, or more was sent than the queue has slots"] if side.sent else []
        self.seen = side.sent
        lines += [
            side.blocks.queued_words(side.data, block)
            for block in side.last(side.blocks.begin, side.sent, new)
        ]
        return ["%s->%s %s" % (self.tx.writer, self.tx.reader, line) for line in lines]
