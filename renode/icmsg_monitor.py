# ruff: noqa: ANN001, ANN003, ANN201, ANN202, ANN204, D102, F821, RUF005, T201, UP004, UP031 - IronPython 2.7
"""Commands of Renode's Monitor that decode what two cores say to each other over ICMsg.

Include this file (``include @renode/icmsg_monitor.py``; the scripts beside it do)::

    icmsg_status                    both regions, sessions and mailboxes
    icmsg_dump cpuapp [PACKETS]     what lies in the region that a core writes; also an address, or "app"
    icmsg_watch [true|false]        a line in the log for each doorbell, with the packets behind it; end it before Save
    icmsg_regions [app=ADDRESS] [net=ADDRESS] [size=BYTES] [alignment=BYTES] [handshake=true|false]

``app`` is the tx-region of the application core, ``alignment`` the dcache-alignment, ``handshake`` is true for
unbound = "enable" and "detect". The rules of decoding are those of ``icmsg/wire/inspect.py``.
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

    def session_text(self, session):
        return "%s has session %d, acknowledges %d" % ((self.reader,) + session)

    def read(self, machine):
        """Return a view of what lies there now."""
        data = [int(byte) for byte in machine.SystemBus.ReadBytes(self.address, self.size)]
        view = IcmsgView(icmsg_u32(data, 0), icmsg_u32(data, self.wr_idx_offset), data[self.data_offset :])
        if self.handshake:
            word = icmsg_u32(data, 4)
            view.session = word & 0xFFFF, word >> 16
        return view


class IcmsgView(object):
    """A region at one moment; ``session`` is (the reader's session id, the writer's that it acknowledges) or None."""

    def __init__(self, rd_idx, wr_idx, data):
        self.rd_idx, self.wr_idx, self.data = rd_idx, wr_idx, data
        self.used, self.pending, self.problem, self.session = 0, [], None, None
        self.first = data[4 : 4 + (data[0] << 8 | data[1])]
        for name, index in (("rd_idx", rd_idx), ("wr_idx", wr_idx)):
            if index % 4 or index >= len(data):
                wrong = "not a multiple of 4" if index % 4 else "beyond the %d data bytes" % len(data)
                self.problem = "%s 0x%08X is %s" % (name, index, wrong)
                return
        self.used = (wr_idx - rd_idx) % len(data)
        self.pending, self.problem = icmsg_packets(data, rd_idx, self.used)

    def __str__(self):
        text = "rd_idx=%d wr_idx=%d used=%d of %d" % (self.rd_idx, self.wr_idx, self.used, len(self.data))
        if self.problem is not None:
            return "%s: %s" % (text, self.problem)
        count = len(self.pending)
        return "%s, %s" % (text, "%d packet%s pending" % (count, "s"[count == 1 :]) if count else "empty")


class IcmsgFollower(object):
    """Sees what a core puts into the regions ``tx`` and ``rx``, as it has them, from now on."""

    def __init__(self, tx, rx, machine):
        self.tx, self.rx, self.machine = tx, rx, machine
        view = tx.read(machine)
        self.position = 0 if view.problem else view.wr_idx
        self.session = rx.read(machine).session

    def news(self):
        """Return lines about what has come since the last call."""
        lines = self._packets(self.tx.read(self.machine))
        session = self.rx.read(self.machine).session
        if session != self.session:
            self.session = session
            lines.append(self.rx.session_text(session))
        return lines

    def _packets(self, view):
        start, length = self.position, len(view.data)
        if view.wr_idx % 4 or view.wr_idx >= length:
            return [view.problem]
        packets, problem = icmsg_packets(view.data, start, (view.wr_idx - start) % length)
        lines = []
        if problem is not None and start:
            # What does not decode from where we were is a region that its writer has initialised again.
            packets, problem = icmsg_packets(view.data, 0, view.wr_idx)
            lines.append("initialised again")
        self.position = view.wr_idx
        lines += [icmsg_packet_text(packet) for packet in packets]
        return lines + ([problem] if problem is not None else [])


class IcmsgSettings(object):
    """Where the regions are, and who watches."""

    def __init__(self):
        self.watched = []
        self.values = {}
        self.change(app=0x20070000, net=0x20078000, size=0x800, alignment=0, handshake=False)

    def change(self, **given):
        """Take over what is not None; what cannot work changes nothing."""
        values = dict(self.values)
        values.update((name, int(value)) for name, value in given.items() if value is not None)
        layout = values["size"], values["alignment"], values["handshake"]
        app = IcmsgRegion("app", "net", values["app"], *layout)
        self.regions = [app, IcmsgRegion("net", "app", values["net"], *layout)]
        self.values = values

    def __str__(self):
        form = "%s, %s, %%(size)d bytes, dcache-alignment %%(alignment)d, %s sessions"
        sessions = "with" if self.values["handshake"] else "without"
        return form % (self.regions[0].title(), self.regions[1].title(), sessions) % self.values


def icmsg_u32(data, offset):
    """Return the little-endian word at an offset of bytes."""
    return data[offset] | data[offset + 1] << 8 | data[offset + 2] << 16 | data[offset + 3] << 24


def icmsg_packets(data, start, used):
    """Return (the packets in ``used`` bytes of the ring from ``start`` on, what is wrong with them or None)."""
    ring = data[start:] + data[:start]
    packets, position = [], 0
    while position < used:
        size = ring[position] << 8 | ring[position + 1]
        end = position + 4 + size
        if size == 0 or end > used:
            index = (start + position) % len(data)
            return packets, "the packet at index %d announces %d bytes" % (index, size)
        packets.append(ring[position + 4 : end])
        position = (end + 3) & ~3
    return packets, None


def icmsg_packet_text(packet, limit=16):
    """Return length, the first bytes in hex, and as text."""
    shown = packet[:limit]
    text = "".join([chr(byte) if 32 <= byte < 127 else "." for byte in shown])
    dots = " ..." if len(packet) > limit else ""
    return "%d bytes: %s%s |%s|" % (len(packet), " ".join(["%02x" % byte for byte in shown]), dots, text)


def icmsg_machine():
    """Return the machine of the Monitor."""
    if self.Machine is None:
        raise IcmsgError("there is no machine; include renode/nrf5340.resc, or select one with `mach set`")
    return self.Machine


def icmsg_find_region(what):
    """Return the region of a core's name, of something that has a core's name in its own, or at an address."""
    try:
        address = None if isinstance(what, str) else int(what)
    except TypeError:
        address, what = None, icmsg_machine().GetLocalName(what)
    for region in icmsg_settings.regions:
        if address is None:
            if what.split("->")[0].endswith(region.writer):
                return region
        elif region.address <= address < region.address + region.size:
            return region
    named = what if address is None else "0x%08X" % address
    raise IcmsgError("%s is no region; there are %s (see icmsg_regions)" % (named, icmsg_settings))


def mc_icmsg_regions(app=None, net=None, size=None, alignment=None, handshake=None):
    """Set, or only show, where the regions are."""
    icmsg_settings.change(app=app, net=net, size=size, alignment=alignment, handshake=handshake)
    if icmsg_settings.watched:
        mc_icmsg_watch()
    print(str(icmsg_settings))


def mc_icmsg_status():
    """Show indices, fill level and sessions of both regions, and both mailboxes."""
    machine = icmsg_machine()
    for region in icmsg_settings.regions:
        view = region.read(machine)
        print("%s %s" % (region.title(), view))
        if view.session is not None:
            print("  " + region.session_text(view.session))
    for core in ("app", "net"):
        print("ipc%s: %s" % (core, machine["sysbus.ipc" + core].GetStatus()))


def mc_icmsg_dump(region, packets=8):
    """Show the packets that wait in a region, and the one at its start."""
    found = icmsg_find_region(region)
    view = found.read(icmsg_machine())
    print("%s %s" % (found.title(), view))
    print("  at the start: %s" % (icmsg_packet_text(view.first) if view.first else "nothing"))
    for packet in view.pending[:packets]:
        print("  pending: %s" % icmsg_packet_text(packet))
    if len(view.pending) > packets:
        print("  and %d more" % (len(view.pending) - packets))


def mc_icmsg_watch(on=True):
    """Begin or end to write a line for each doorbell."""
    for mailbox, handler in icmsg_settings.watched:
        mailbox.TaskTriggered -= handler
    del icmsg_settings.watched[:]
    if on:
        machine = icmsg_machine()
        for tx, rx in (icmsg_settings.regions, icmsg_settings.regions[::-1]):
            handler = icmsg_watcher(machine, tx, rx)
            mailbox = machine["sysbus.ipc" + tx.writer]
            mailbox.TaskTriggered += handler
            icmsg_settings.watched.append((mailbox, handler))
    print("doorbells are %s written to the log" % ("now" if on else "no longer"))


def icmsg_watcher(machine, tx, rx):
    """Return what is called, on the thread of a core, when the writer of ``tx`` rings."""
    from Antmicro.Renode.Logging import Logger, LogLevel

    follower = IcmsgFollower(tx, rx, machine)

    def rang(_mailbox, channel):
        try:
            time = machine.ElapsedVirtualTime.TimeElapsed.TotalMicroseconds
            news = "; ".join(follower.news() or ["nothing new"])
            Logger.Log(LogLevel.Info, "icmsg %.1f us %s rings %d: %s" % (time, tx.writer, channel, news))
        except Exception as problem:
            # It must not leave: an exception in the thread of a core ends Renode.
            Logger.Log(LogLevel.Error, "icmsg: cannot decode what %s sent: %s" % (tx.writer, problem))

    return rang


# A second include must leave no watcher of the first one behind.
if "icmsg_settings" in globals() and icmsg_settings.watched:
    mc_icmsg_watch(False)
icmsg_settings = IcmsgSettings()
