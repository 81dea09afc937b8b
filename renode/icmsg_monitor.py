# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204, B904, B905, D102, D103, F821, RUF046, T201, UP004, UP031
# IronPython 2.7 knows no annotations and none of the newer idioms.
"""Commands of Renode's Monitor that decode what two cores say to each other over ICMsg.

Include this file (``include @renode/icmsg_monitor.py``; the scripts beside it do)::

    icmsg_status                    both regions, sessions and mailboxes
    icmsg_dump cpuapp [PACKETS]     the region that a core writes in hex, or its packets; also an address, or "app"
    icmsg_watch [true|false]        a line in the log for each doorbell, with the packets behind it; end it before Save
    icmsg_release                   let the emulation go that a session of `icmsg ... --renode` has left held
    icmsg_regions [first=ADDRESS] [second=ADDRESS] [size=BYTES] [alignment=BYTES] [handshake=true|false]
    icmsg "status"                  as in `icmsg monitor`, but the verb in quotes: Renode takes a bare word for a
    icmsg "dump" "app" ["--packets"]    peripheral's name before any of this runs; also "watch" ["on"|"off"]

    icmsg_read ADDRESS COUNT        bytes of memory as hexadecimal digits, for programs
    icmsg_write ADDRESS "DIGITS"    the reverse

``first`` is the tx-region of the first core that has a mailbox, which may also be called ``app``, and ``second``, or
``net``, that of the other; ``alignment`` is the dcache-alignment, ``handshake`` is true for
unbound = "enable" and "detect". The rules of decoding are those of ``icmsg/wire/inspect.py``, the words those of
``icmsg/link/diagnosis/findings.py`` and ``icmsg/monitor/verbs``. A region of ICBMsg is recognised, and named; its
blocks and queues are decoded by ``icmsg monitor`` alone.
This runs in IronPython 2.7, in the Monitor's one scope of names (``self`` is the Monitor), and for the tests in
CPython 2.7 and 3: ``print`` is called with exactly one text, and all names begin with ``icmsg`` or ``mc_icmsg``.
"""


class IcmsgError(Exception):
    """A command cannot do what it was asked; the text names the fix."""


class IcmsgRegion(object):
    """One region: ``writer`` is the core for which it is the tx-region, ``reader`` the other one."""

    def __init__(self, writer, reader, address, size, alignment, handshake):
        self.writer, self.reader, self.handshake = writer, reader, handshake
        self.address, self.size = address, size
        self.wr_idx_offset = max(alignment, 8 if handshake else 4)
        self.data_offset = self.wr_idx_offset + 4
        data_length = size - self.data_offset
        if alignment % 4 or address % max(alignment, 4):
            raise IcmsgError("%s is not aligned: use multiples of 4 and of the alignment" % self.title())
        if data_length < 12 or data_length % 4:
            raise IcmsgError("%s has %d bytes for data: use 12, 16, 20, ..." % (self.title(), data_length))

    def title(self):
        return "%s->%s 0x%08X" % (self.writer, self.reader, self.address)

    def bond_words(self, view, back):
        """Return what the region tells about bonding; ``back`` is the view of the other one."""
        lines = []
        if view.session is None or icmsg_is_magic(view.first):
            lines.append(self._magic_words(view))
        if view.session is not None:
            lines.append(self.session_words(view.session, back.session[0]))
        return lines

    def _magic_words(self, view):
        if icmsg_is_magic(view.first):
            if view.problem:
                return "%s wrote the magic" % self.writer
            taken = "has" if view.rd_idx else "has not"
            return "%s wrote the magic, %s %s taken it" % (self.writer, self.reader, taken)
        if not view.wr_idx and not view.rd_idx:
            return "%s has written nothing" % self.writer
        return "the first packet is not the magic: %s" % icmsg_bytes(view.first[:13])

    def session_words(self, session, writers=None):
        """Return what a handshake word says; ``writers`` is the session that the writer has now, if it is known."""
        own, acknowledged = session
        if not own:
            left = ", but acknowledges %d" % acknowledged if acknowledged else ""
            return "%s has no session%s: it has not opened its side, or closed it" % (self.reader, left)
        if not acknowledged:
            return "%s has session %d, acknowledges nobody yet" % (self.reader, own)
        text = "%s has session %d, acknowledges %d" % (self.reader, own, acknowledged)
        if writers is None or writers == acknowledged:
            return text
        now = "has %d now" % writers if writers else "has none now"
        return "%s; %s %s: %s has to open again" % (text, self.writer, now, self.reader)

    def read(self, machine):
        """Return a view of what lies there now."""
        data = [int(byte) for byte in machine.SystemBus.ReadBytes(self.address, self.size)]
        view = IcmsgView(icmsg_u32(data, 0), icmsg_u32(data, self.wr_idx_offset), data[self.data_offset :])
        view.content = data
        view.other, view.in_words = icmsg_other_backend(data, view.data)
        if self.handshake:
            word = icmsg_u32(data, 4)
            view.session = word & 0xFFFF, word >> 16
        return view


class IcmsgView(object):
    """A region at one moment; ``session`` is (the reader's session id, the writer's that it acknowledges) or None."""

    def __init__(self, rd_idx, wr_idx, data):
        self.rd_idx, self.wr_idx, self.data = rd_idx, wr_idx, data
        self.used, self.pending, self.places, self.problem, self.session = 0, [], [], None, None
        self.other, self.in_words = None, False
        self.first = data[4 : 4 + (data[0] << 8 | data[1])]
        for name, index in (("rd_idx", rd_idx), ("wr_idx", wr_idx)):
            if index % 4 or index >= len(data):
                wrong = "not a multiple of 4" if index % 4 else "beyond the %d data bytes" % len(data)
                self.problem = "%s 0x%08X is %s" % (name, index, wrong)
                return
        self.used = (wr_idx - rd_idx) % len(data)
        self.pending, self.problem = icmsg_packets(data, rd_idx, self.used, self.places)

    def indices(self):
        return "rd_idx=%d wr_idx=%d used=%d of %d" % (self.rd_idx, self.wr_idx, self.used, len(self.data))

    def __str__(self):
        if self.problem is not None:
            return "%s: %s" % (self.indices(), self.problem)
        count = len(self.pending)
        return "%s, %s" % (
            self.indices(),
            "%d packet%s pending" % (count, "s"[count == 1 :]) if count else "empty",
        )

    def lines(self, title):
        """Return what the indices say, and behind it what is wrong with them, or that it is another backend."""
        if self.problem is None:
            lines = ["%s %s" % (title, self)]
        elif self.other is not None and not self.in_words:
            lines = ["%s holds queues, and no indices" % title]
        else:
            lines = ["%s %s" % (title, self.indices()), "  wrong: %s" % self.problem]
        lines.extend("  " + other for other in (self.other,) if other is not None)
        return lines


def icmsg_other_backend(content, data):
    """Return what tells that the region is one of ICBMsg, which is not decoded here, and whether packets are control
    messages; (None, False) for ICMsg, or where nothing tells.
    """
    how = "messages lie in blocks, which only icmsg monitor shows, after icmsg config backend=%s"
    if icmsg_is_magic(data[4:17]) and data[20:24] == [0, 3, 0, 0] and data[24] in (2, 3):
        return "this looks like ICBMsg of Zephyr 3.6 to 4.4: " + how % "icbmsg", True
    opened = [0xAB, 0x89, 0x67, 0x45, 0x45, 0x67, 0x89, 0xAB]
    if any(content[at : at + 8] == opened for at in range(0, len(content) - 8, 4)):
        return "this looks like ICBMsg after Zephyr 4.4: " + how % "icbmsg-rework", False
    return None, False


def icmsg_control_words(packet):
    """Return a control message of ICBMsg in words."""
    kinds = ("DATA", "RELEASE_DATA", "BOUND", "RELEASE_BOUND")
    kind = kinds[packet[0]] if packet[0] < len(kinds) else "type %d" % packet[0]
    return "ICBMsg %s, endpoint %d, block %d" % (kind, packet[1], packet[2])


class IcmsgFollower(object):
    """Sees what a core puts into the regions ``tx`` and ``rx``, as it has them, from now on."""

    def __init__(self, tx, rx, machine):
        self.tx, self.rx, self.machine = tx, rx, machine
        view = tx.read(machine)
        self.position = 0 if view.problem else view.wr_idx
        self.session, self.broken, self.told = rx.read(machine).session, None, False

    def news(self):
        """Return lines about what has come since the last call."""
        there = "%s->%s " % (self.tx.writer, self.tx.reader)
        view = self.tx.read(self.machine)
        lines = [there + line for line in self._packets(view)]
        if view.other is not None and not self.told:
            self.told = True
            lines.append(there + view.other)
        session = self.rx.read(self.machine).session
        if session != self.session:
            self.session = session
            lines.append(self.rx.session_words(session))
        return lines

    def _packets(self, view):
        start, wr, length = self.position, view.wr_idx, len(view.data)
        if wr in (start, self.broken):
            return []
        if wr % 4 or wr >= length:
            self.broken = wr
            return [view.problem]
        lines, problem, self.broken = [], "", None
        if not (start > wr >= 20 and icmsg_is_magic(view.first)):
            packets, problem = icmsg_packets(view.data, start, (wr - start) % length)
        as_it_was = start <= wr and icmsg_packets(view.data, 0, start)[1] is None
        if problem is not None and not as_it_was:
            # What does not decode from where we were is a region that its writer has initialised again.
            packets, problem = icmsg_packets(view.data, 0, wr)
            again, unseen = "initialised again", "packets were overwritten unseen"
            if not wr or icmsg_is_magic(view.first):
                lines.append(again)
            elif problem is None:
                lines.append("%s, or %s" % (again, unseen))
            else:
                packets, problem = [], None
                lines.append(unseen)
        self.position = wr
        lines += [icmsg_packet_text(packet, view.in_words) for packet in packets]
        return lines + ([problem] if problem is not None else [])


class IcmsgSettings(object):
    """Where the regions are, and who watches."""

    def __init__(self):
        self.watched = []
        self.values = {}
        self.cores = ["app", "net"]
        self.change(first=0x20070000, second=0x20078000, size=0x800, alignment=0, handshake=False)

    def change(self, **given):
        """Take over what is not None; what cannot work changes nothing."""
        values = dict(self.values)
        values.update((name, int(value)) for name, value in given.items() if value is not None)
        self.regions = self._made_of(values)
        self.values = values

    def suit(self, cores):
        """Call the two cores as the machine does."""
        if len(cores) > 1 and cores[:2] != self.cores:
            self.cores = cores[:2]
            self.regions = self._made_of(self.values)

    def _made_of(self, values):
        layout = values["size"], values["alignment"], values["handshake"]
        one, other = self.cores
        return [
            IcmsgRegion(one, other, values["first"], *layout),
            IcmsgRegion(other, one, values["second"], *layout),
        ]

    def __str__(self):
        form = "%s, %s, %%(size)d bytes, dcache-alignment %%(alignment)d, %s sessions"
        sessions = "with" if self.values["handshake"] else "without"
        return form % (self.regions[0].title(), self.regions[1].title(), sessions) % self.values


def icmsg_u32(data, offset):
    """Return the little-endian word at an offset of bytes."""
    return data[offset] | data[offset + 1] << 8 | data[offset + 2] << 16 | data[offset + 3] << 24


def icmsg_packets(data, start, used, places=None):
    """Return (the packets in ``used`` bytes of the ring from ``start`` on, what is wrong with them or None)."""
    ring = data[start:] + data[:start]
    packets, position = [], 0
    while position < used:
        size = ring[position] << 8 | ring[position + 1]
        end = position + 4 + size
        index = (start + position) % len(data)
        if size == 0 or end > used:
            return packets, "the packet at index %d announces %d bytes" % (index, size)
        packets.append(ring[position + 4 : end])
        if places is not None:
            places.append(index)
        position = (end + 3) & ~3
    return packets, None


def icmsg_bytes(data):
    return "%s |%s|" % (icmsg_hex(data), icmsg_printable(data)) if data else "empty"


def icmsg_hex(data):
    return " ".join(["%02x" % byte for byte in data])


def icmsg_printable(data):
    return "".join([chr(byte) if 32 <= byte < 127 else "." for byte in data])


def icmsg_is_magic(packet):
    return icmsg_printable(packet[:13]) == "Em1l1K0rn3li4"


def icmsg_packet_text(packet, in_words=False):
    """Return length, the first bytes in hex, and some more as text; says so if it begins with the magic.

    ``in_words``: what has three bytes is a control message of ICBMsg.
    """
    if in_words and len(packet) == 3:
        return icmsg_control_words(packet)
    size = "%d byte%s" % (len(packet), "s"[len(packet) == 1 :])
    text = icmsg_printable(packet[:16]) + ("..." if len(packet) > 16 else "")
    if icmsg_is_magic(packet):
        return "the magic, %s |%s|" % (size, text)
    start = icmsg_hex(packet[:6]) + (" ..." if len(packet) > 6 else "")
    return "%s: %s |%s|" % (size, start, text)


def icmsg_link_words(there, back):
    """Return whether the two sides are bound, as far as memory tells."""
    magic = [icmsg_is_magic(view.first) for view in (there, back)]
    if there.session is not None:
        if there.session == back.session[::-1] and 0 not in there.session:
            return "memory says bound: each side acknowledges the other's session"
        if magic != [True, True]:
            return "memory says not bound: the sessions are not acknowledged on both sides"
    if magic == [True, True]:
        if (there.rd_idx or there.problem) and (back.rd_idx or back.problem):
            return "memory says bound: each side has taken the other's magic"
        return "memory says not bound: the magic is not taken on both sides"
    if [view for view in (there, back) if not (view.wr_idx or view.rd_idx or icmsg_is_magic(view.first))]:
        return "memory says not bound: the magic is not written on both sides"
    return "memory does not say whether they are bound: no magic at both starts"


def icmsg_dump_lines(region, view):
    """Return a region in hex and as text, its header field by field; rows that repeat are one ``*``."""
    fields = [(0, "rd_idx = %d" % view.rd_idx), (region.wr_idx_offset, "wr_idx = %d" % view.wr_idx)]
    if view.session is not None:
        fields.insert(1, (4, "handshake = session %d, acknowledges %d" % view.session))
    head, data, before = view.content, view.data, None
    lines = [
        "  0x%08X  %s  %s" % (region.address + at, icmsg_hex(head[at : at + 4]), text) for at, text in fields
    ]
    lines.append("  0x%08X  %d bytes of data" % (region.address + region.data_offset, len(data)))
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if row != before or at + 16 >= len(data):
            lines.append("  +%-5d  %-47s  |%s|" % (at, icmsg_hex(row), icmsg_printable(row)))
        elif lines[-1] != "  *":
            lines.append("  *")
        before = row
    return lines


def icmsg_machine():
    """Return the machine of the Monitor."""
    if self.Machine is None:
        raise IcmsgError("there is no machine; include renode/nrf5340.resc, or select one with `mach set`")
    return self.Machine


def icmsg_linked_machine():
    """Return the machine of the Monitor, and call the two cores as it does."""
    machine = icmsg_machine()
    icmsg_settings.suit([name for name, _, _ in icmsg_mailboxes(machine)])
    return machine


def icmsg_owners(machine):
    """Return {name of a peripheral: name of the core that reaches it by a registration of its own}."""
    owners = {}
    for entry in machine.GetRegisteredPeripherals():
        core = getattr(entry.RegistrationPoint, "Initiator", None)
        if core is not None:
            owners.setdefault(entry.Name, icmsg_short(machine.GetLocalName(core)))
    return owners


def icmsg_mailboxes(machine):
    """Return (core, name, mailbox) of each core that has one, app before net, else in the order of the cores."""
    order = ["app", "net"] + [icmsg_short(machine.GetLocalName(core)) for core in machine.SystemBus.GetCPUs()]
    owners, found = icmsg_owners(machine), {}
    for entry in machine.GetRegisteredPeripherals():
        if type(entry.Peripheral).__name__ == "NRF_IPC" and entry.Name in owners:
            found.setdefault(owners[entry.Name], (entry.Name, entry.Peripheral))
    return [(core,) + found[core] for core in sorted(found, key=order.index)]


def icmsg_short(name):
    """Return what commands call a core: ``app`` for ``cpuapp``."""
    return name[3:] if name.startswith("cpu") and len(name) > 3 else name


def icmsg_find_region(what):
    """Return the region of a core, of something that only one core reaches, or at an address."""
    machine = icmsg_linked_machine()
    try:
        address = None if isinstance(what, str) else int(what)
    except TypeError:
        address, what = None, machine.GetLocalName(what)
    if address is None:
        word = what.split("->")[0].replace("sysbus.", "")
        core = icmsg_owners(machine).get(word, icmsg_short(word))
    for region in icmsg_settings.regions:
        if address is None:
            if region.writer == core:
                return region
        elif region.address <= address < region.address + region.size:
            return region
    named = what if address is None else "0x%08X" % address
    raise IcmsgError("%s is no region; there are %s (see icmsg_regions)" % (named, icmsg_settings))


def mc_icmsg_regions(app=None, net=None, size=None, alignment=None, handshake=None, first=None, second=None):
    """Set, or only show, where the regions are."""
    first, second = [app if first is None else first, net if second is None else second]
    icmsg_settings.change(first=first, second=second, size=size, alignment=alignment, handshake=handshake)
    if self.Machine is not None:
        icmsg_linked_machine()
    if icmsg_settings.watched:
        mc_icmsg_watch()
    print(str(icmsg_settings))


def mc_icmsg_status():
    """Show indices, fill level, bonding and sessions of both regions, and both mailboxes."""
    machine = icmsg_linked_machine()
    there, back = icmsg_settings.regions
    sent, received = there.read(machine), back.read(machine)
    lines = sent.lines(there.title()) + ["  " + line for line in there.bond_words(sent, received)]
    lines += received.lines(back.title()) + ["  " + line for line in back.bond_words(received, sent)]
    lines.append(icmsg_link_words(sent, received))
    for core, name, mailbox in icmsg_mailboxes(machine):
        if core in icmsg_settings.cores:
            lines.append("%s: %s" % (name, mailbox.GetStatus()))
    print("\n".join(lines))


def mc_icmsg_dump(region, packets=None):
    """Show a region in hex, or so many of the packets that wait in it, and the one at its start."""
    found = icmsg_find_region(region)
    view = found.read(icmsg_linked_machine())
    lines = view.lines(found.title())
    if packets is None:
        lines += icmsg_dump_lines(found, view)
    else:
        lines.append("  at the start: %s" % (icmsg_packet_text(view.first) if view.first else "nothing"))
        for place, packet in list(zip(view.places, view.pending))[:packets]:
            lines.append("  index %5d: %s" % (place, icmsg_packet_text(packet, view.in_words)))
        if len(view.pending) > packets:
            lines.append("  and %d more" % (len(view.pending) - packets))
    print("\n".join(lines))


def mc_icmsg_read(address, count):
    """Print bytes of memory as hexadecimal digits."""
    data = icmsg_machine().SystemBus.ReadBytes(address, count)
    print("".join(["%02x" % int(byte) for byte in data]))


def mc_icmsg_write(address, digits):
    """Write bytes that are given as hexadecimal digits."""
    if len(digits) % 2:
        raise IcmsgError("a byte has two hexadecimal digits, and there are %d" % len(digits))
    try:
        data = [int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)]
    except ValueError:
        raise IcmsgError("%r is not all hexadecimal digits" % digits)
    from System import Array, Byte

    icmsg_machine().SystemBus.WriteBytes(Array[Byte](data), address)


def mc_icmsg_watch(on=True):
    """Begin or end to write a line for each doorbell."""
    for mailbox, handler in icmsg_settings.watched:
        mailbox.TaskTriggered -= handler
    del icmsg_settings.watched[:]
    if on:
        machine = icmsg_linked_machine()
        mailboxes = {core: mailbox for core, _, mailbox in icmsg_mailboxes(machine)}
        for tx, rx in (icmsg_settings.regions, icmsg_settings.regions[::-1]):
            handler = icmsg_watcher(machine, tx, rx)
            mailbox = mailboxes[tx.writer]
            mailbox.TaskTriggered += handler
            icmsg_settings.watched.append((mailbox, handler))
    print("doorbells are %s written to the log" % ("now" if on else "no longer"))


def mc_icmsg_release():
    """Let an emulation go that a session from outside holds, and say what was done."""
    mailboxes = icmsg_mailboxes(icmsg_machine())
    if not mailboxes:
        raise IcmsgError("the machine has no NRF_IPC, so nothing of ours holds the emulation")
    self.Parse("sysbus.%s Release" % mailboxes[0][1])


def icmsg_watcher(machine, tx, rx):
    """Return what is called, on the thread of a core, when the writer of ``tx`` rings."""
    from Antmicro.Renode.Logging import Logger, LogLevel

    follower = IcmsgFollower(tx, rx, machine)

    def rang(_mailbox, channel):
        try:
            time = int(round(machine.ElapsedVirtualTime.TimeElapsed.TotalMicroseconds * 1000))
            for line in follower.news() or ["%s rings %d, nothing new" % (tx.writer, channel)]:
                Logger.Log(LogLevel.Info, "[%d.%09d] %s" % (time // 10**9, time % 10**9, line))
        except Exception as problem:
            # It must not leave: an exception in the thread of a core ends Renode.
            Logger.Log(LogLevel.Error, "icmsg: cannot decode what %s sent: %s" % (tx.writer, problem))

    return rang


def mc_icmsg(verb="help", *words):
    """Do what the verb says, as the command line behind `icmsg` in `icmsg monitor`."""
    if verb == "status" and not words:
        mc_icmsg_status()
    elif verb == "release" and not words:
        mc_icmsg_release()
    elif verb == "watch" and words in ((), ("on",), ("off",), (True,), (False,)):
        mc_icmsg_watch(words not in (("off",), (False,)))
    elif verb == "dump" and len(words) in (1, 2):
        mc_icmsg_dump(words[0], *[65535 if word == "--packets" else int(word) for word in words[1:]])
    else:
        raise IcmsgError(
            'icmsg here: "status", "dump" REGION ["--packets"], "watch" ["on"|"off"], "release", all in quotes; '
            "bond, send, recv and the other verbs need Python 3: icmsg monitor --engine renode"
        )


# A second include must leave no watcher of the first one behind.
if "icmsg_settings" in globals() and icmsg_settings.watched:
    mc_icmsg_watch(False)
icmsg_settings = IcmsgSettings()
