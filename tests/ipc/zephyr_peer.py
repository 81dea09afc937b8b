"""A side written down once more from the protocol's description, as plainly as C, with nothing of ``icmsg`` in it.

``Peer`` is both generations: "v1" of Zephyr 3.6 to 4.0, and "disable", "enable", "detect" of 4.1 and later. It works
on a bytearray by offsets, rings through a function, and is called when it was rung. It trusts its peer where Zephyr
does, so it is a partner for sides that keep to the protocol. Sections in comments are those of the protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAGIC = bytes.fromhex("456d316c314b30726e336c6934")

OFF, BUSY, READY = 0, 1, 2
SID_DISABLED, SID_ENABLED, SID_DETECT, DISCONNECTED, CONNECTED_DISABLED, CONNECTED_ENABLED = range(1, 7)

EBUSY, ENOMEM, ENODATA, EALREADY = 16, 12, 61, 114


class Pbuf:
    """§1.1 to 1.5: one end of one region of ``size`` bytes at ``at`` in ``memory``."""

    def __init__(self, memory: bytearray, at: int, size: int, alignment: int, *, word: bool) -> None:
        self.memory = memory
        self.rd_at = at
        self.word_at = at + 4
        self.wr_at = at + max(alignment, 8 if word else 4)
        self.data = self.wr_at + 4
        self.length = at + size - self.data
        self.rd = self.wr = 0

    def get(self, at: int) -> int:
        return int.from_bytes(self.memory[at : at + 4], "little")

    def put(self, at: int, value: int) -> None:
        self.memory[at : at + 4] = value.to_bytes(4, "little")

    def tx_init(self) -> None:
        self.wr = self.rd = 0
        self.put(self.wr_at, 0)
        self.put(self.rd_at, 0)

    def rx_init(self) -> None:
        self.wr = self.rd = 0

    def write(self, data: bytes) -> int:
        rd, wr = self.get(self.rd_at), self.wr
        used = wr - rd if rd <= wr else self.length - (rd - wr)
        if self.length - used - 4 < len(data) + 4:
            return -ENOMEM
        self.memory[self.data + wr : self.data + wr + 4] = bytes([len(data) >> 8, len(data) & 255, 0, 0])
        wr = (wr + 4) % self.length
        for byte in data:
            self.memory[self.data + wr] = byte
            wr = (wr + 1) % self.length
        self.wr = (wr + 3) // 4 * 4 % self.length
        self.put(self.wr_at, self.wr)
        return len(data)

    def available(self) -> int:
        """``pbuf_read(NULL)``."""
        if self.get(self.wr_at) == self.rd:
            return 0
        return self.memory[self.data + self.rd] * 256 + self.memory[self.data + self.rd + 1]

    def read(self) -> bytes:
        size = self.available()
        wr = self.get(self.wr_at)
        covered = wr - self.rd if wr >= self.rd else self.length - (self.rd - wr)
        if not size or size + 4 > covered:
            return b""  # -EAGAIN: a peer that restarted may leave anything
        rd = (self.rd + 4) % self.length
        data = bytearray()
        for _ in range(size):
            data.append(self.memory[self.data + rd])
            rd = (rd + 1) % self.length
        self.rd = (rd + 3) // 4 * 4 % self.length
        self.put(self.rd_at, self.rd)
        return bytes(data)

    def initial(self) -> bytes | None:
        """``pbuf_get_initial_buf``: the packet at the start, if nothing was taken yet (§3.6)."""
        wr = self.get(self.wr_at)
        size = self.memory[self.data] * 256 + self.memory[self.data + 1]
        if self.rd or not 0 < wr <= min(self.length - 1, 65535) or size + 4 > wr:
            return None
        return bytes(self.memory[self.data + 4 : self.data + 4 + size])


class Work:
    """``k_work``: queued at most once; a cancelled entry stays in the queue and does nothing."""

    def __init__(self, queue: Callable[[Callable[[], None]], None], run: Callable[[], None]) -> None:
        self.queue = queue
        self.run = run
        self.token: object | None = None

    def submit(self) -> None:
        if self.token is None:
            token = self.token = object()
            self.queue(lambda: self.start(token))

    def start(self, token: object) -> None:
        if self.token is token:
            self.token = None
            self.run()

    def cancel(self) -> None:
        self.token = None


class Peer:
    """One side; ``events`` are (kind, payload) in order. Everything outside is a function."""

    def __init__(
        self,
        memory: bytearray,
        tx: int,
        rx: int,
        size: int,
        alignment: int,
        mode: str,
        *,
        ring: Callable[[], None],
        listen: Callable[[bool], None],
        queue: Callable[[Callable[[], None]], None],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        word = mode in ("enable", "detect")
        self.tx = Pbuf(memory, tx, size, alignment, word=word)
        self.rx = Pbuf(memory, rx, size, alignment, word=word)
        self.mode = mode
        self.ring_line, self.listen, self.later = ring, listen, later
        self.state = OFF
        self.local_sid = self.remote_sid = 0
        self.events: list[tuple[str, bytes]] = []
        self.on_unbound: Callable[[], None] | None = None
        self.work = Work(queue, self.process)
        self.notify = Work(queue, self.notify_once)
        self.opened = 0

    @property
    def connected(self) -> bool:
        return self.state == READY if self.mode == "v1" else self.state >= CONNECTED_DISABLED

    def rang(self) -> None:
        self.work.submit()

    def ring(self) -> None:
        self.events.append(("ring", b""))
        self.ring_line()

    # open, §2.1, §2.2, §3.2

    def open(self) -> int:
        if self.mode in ("enable", "detect"):
            was_off = self.state == OFF
            self.state = SID_ENABLED if self.mode == "enable" else SID_DETECT
            self.rx.rx_init()
            word = self.tx.get(self.tx.word_at)
            self.local_sid = (word & 0xFFFF) + 1 & 0xFFFF
            while self.local_sid in (0, word >> 16):
                self.local_sid = self.local_sid + 1 & 0xFFFF
            self.remote_sid = 0
            self.rx.put(self.rx.word_at, self.local_sid)
            if was_off:
                self.listen(True)
            self.ring()
            return 0
        if self.state != OFF:
            return -EALREADY
        self.opened += 1
        self.state = BUSY if self.mode == "v1" else SID_DISABLED
        self.rx.rx_init()
        self.tx.tx_init()
        self.tx.write(MAGIC)
        self.listen(True)
        if self.mode == "v1":
            self.notify.submit()
        else:
            self.ring()
        return 0

    def notify_once(self) -> None:
        self.ring()
        if self.state != READY:
            life = self.opened
            self.later(
                1_000_000, lambda: self.notify_once() if self.state != OFF and life == self.opened else None
            )

    # close, §2.1, §2.2, §3.5

    def close(self) -> int:
        if self.mode == "v1":
            if self.state == OFF:
                return -EALREADY
        else:
            if self.mode != "disable":
                self.rx.put(self.rx.word_at, 0)
            self.ring()
        self.die()
        return 0

    def die(self) -> None:
        """The core is reset: nothing is written and nobody told."""
        if self.state != OFF:
            self.listen(False)
        self.work.cancel()
        self.notify.cancel()
        self.opened += 1
        self.state = OFF

    # send, §4.1

    def send(self, data: bytes) -> int:
        if not self.connected:
            return len(data) if self.mode != "v1" and self.state == DISCONNECTED else -EBUSY
        if not data:
            return -ENODATA
        written = self.tx.write(data)
        if written > 0:
            self.ring()
        return written

    # receive worker, §3.3, §3.4, §4.3

    def process(self) -> None:
        if self.connected:
            self.receive()
        elif self.mode == "v1":
            if self.state == BUSY:
                self.take_magic()
        elif self.state == SID_DISABLED:
            self.take_magic()
        elif self.state == SID_DETECT and self.rx.initial() == MAGIC:
            self.tx.tx_init()
            self.tx.write(MAGIC)
            self.state = SID_DISABLED
            self.ring()
            self.work.submit()
        elif self.state in (SID_ENABLED, SID_DETECT):
            self.shake_hands()

    def take_magic(self) -> None:
        packet = self.rx.read()
        if packet[: len(MAGIC)] != MAGIC:
            return
        self.events.append(("bound", b""))
        self.state = READY if self.mode == "v1" else CONNECTED_DISABLED
        if self.mode != "v1":
            self.ring()
        if self.rx.available():
            self.work.submit()

    def shake_hands(self) -> None:
        word = self.tx.get(self.tx.word_at)
        request, acknowledged = word & 0xFFFF, word >> 16
        need_ring = False
        if request not in (0, self.remote_sid):
            self.tx.tx_init()
            self.remote_sid = request
            self.rx.put(self.rx.word_at, request << 16 | self.local_sid)
            need_ring = True
        bound = acknowledged == self.local_sid and self.remote_sid != 0
        if bound:
            self.state = CONNECTED_ENABLED
            self.events.append(("bound", b""))
        if need_ring or bound:
            self.ring()
        if bound:
            self.work.submit()

    def receive(self) -> None:
        data = self.rx.read()
        if self.state == CONNECTED_ENABLED and self.tx.get(self.tx.word_at) & 0xFFFF != self.remote_sid:
            self.state = DISCONNECTED
            self.events.append(("unbound", b""))
            if self.on_unbound is not None:
                self.on_unbound()
            return
        if data:
            self.events.append(("received", data))
            if self.rx.available():
                self.work.submit()
