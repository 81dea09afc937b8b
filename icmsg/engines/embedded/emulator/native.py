"""The thin, typed edge to unicorn: everything that runs once per slice, exception or peripheral access.

unicorn's own Python methods cost several times more than the work they wrap, so the hot calls go straight to its
library with arguments that are built once. They keep the interpreter lock (``PyDLL``), which makes entering the
emulator cost half a microsecond; a slice is short enough that other threads still get their turn.

Two fields of unicorn's private state have no API: the number of instructions that the current run has executed
and the number at which it stops. They are found by value, once per process, and the engine refuses to start
when they are not where three different runs say they are (:func:`_counter_offset`).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import unicorn
from unicorn import (
    UC_CTL_IO_WRITE,
    UC_CTL_TLB_FLUSH,
    UC_HOOK_BLOCK,
    UC_HOOK_CODE,
    UC_HOOK_EDGE_GENERATED,
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_READ_PROT,
    UC_HOOK_MEM_WRITE,
    UC_HOOK_TLB_FILL,
    UC_MEM_FETCH,
    UC_MEM_WRITE,
    UC_TLB_VIRTUAL,
)
from unicorn.unicorn_py3.unicorn import uclib

from icmsg.errors import EngineNotAvailableError

_LIB: Final = ctypes.PyDLL(uclib._name)
_U64: Final = ctypes.c_uint64
_PTR: Final = ctypes.c_void_p
_SIZE: Final = ctypes.c_size_t

_READ_CALLBACK: Final = ctypes.CFUNCTYPE(_U64, _PTR, _U64, ctypes.c_uint, _PTR)
_WRITE_CALLBACK: Final = ctypes.CFUNCTYPE(None, _PTR, _U64, ctypes.c_uint, _U64, _PTR)
_CODE_CALLBACK: Final = ctypes.CFUNCTYPE(None, _PTR, _U64, ctypes.c_uint32, _PTR)
_INTR_CALLBACK: Final = ctypes.CFUNCTYPE(None, _PTR, ctypes.c_uint32, _PTR)
_STORE_CALLBACK: Final = ctypes.CFUNCTYPE(None, _PTR, ctypes.c_int, _U64, ctypes.c_int, ctypes.c_int64, _PTR)
_ACCESS_CALLBACK: Final = ctypes.CFUNCTYPE(
    ctypes.c_bool, _PTR, ctypes.c_int, _U64, ctypes.c_int, ctypes.c_int64, _PTR
)
_INVALID_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_bool, _PTR, _PTR)


class _Page(ctypes.Structure):
    _fields_ = (("address", _U64), ("permissions", ctypes.c_int))


class _Translation(ctypes.Structure):
    _fields_ = (("address", _U64), ("instructions", ctypes.c_uint16), ("size", ctypes.c_uint16))


_TRANSLATION_POINTER: Final = ctypes.POINTER(_Translation)
_EDGE_CALLBACK: Final = ctypes.CFUNCTYPE(None, _PTR, _TRANSLATION_POINTER, _TRANSLATION_POINTER, _PTR)
_PAGE_CALLBACK: Final = ctypes.CFUNCTYPE(ctypes.c_bool, _PTR, _U64, ctypes.c_int, ctypes.POINTER(_Page), _PTR)

TCG_BUFFER_BYTES: Final = 16 << 20
"""Room for translated code per core; unicorn's default reserves 1 GiB of address space."""

ReadHandler = Callable[[int, int], int]
"""(offset, size in bytes) -> value"""
WriteHandler = Callable[[int, int, int], None]
"""(offset, size in bytes, value)"""
READ: Final = 1
WRITE: Final = 2
EXECUTE: Final = 4
PageHandler = Callable[[int, int], tuple[int, int]]
"""(address of the page, kind of access) -> (where it is, what may be done with it from now on).

The kind is one of :data:`READ`, :data:`WRITE` and :data:`EXECUTE`; the answer a sum of them. An access that is not
in it is a fault; another kind of access to the page is asked about when it comes.
"""
StoreHandler = Callable[[int, int, int], None]
"""(address, size in bytes, value)"""


class Model(NamedTuple):
    """A processor of unicorn: what its constructor wants, its constants, and a loop to count with.

    ``registers`` is the module of its register numbers, the names of which begin with ``prefix``. ``loop`` is code that
    never ends, which starts at its address + ``start_bit``.
    """

    architecture: int
    mode: int
    cpu: int
    registers: Any
    prefix: str
    loop: bytes
    start_bit: int = 0

    def open(self) -> Any:
        """Return a core; Any, because unicorn's annotations describe another of its versions."""
        module: Any = unicorn
        return module.Uc(self.architecture, self.mode, self.cpu)


class RegisterBatch:
    """A fixed set of registers, read or written in one call; the values are a tuple in the order of the names."""

    __slots__ = ("_args", "_ids", "_pointers", "_read", "_size", "_values", "_view", "_write")

    def __init__(self, handle: int, numbers: Sequence[int]) -> None:
        count = len(numbers)
        self._size = count
        self._ids = (ctypes.c_int32 * count)(*numbers)
        self._values = (ctypes.c_uint32 * count)()
        base = ctypes.addressof(self._values)
        self._pointers = (_PTR * count)(*[base + 4 * index for index in range(count)])
        self._args = (
            _PTR(handle),
            _PTR(ctypes.addressof(self._ids)),
            _PTR(ctypes.addressof(self._pointers)),
            ctypes.c_int(count),
        )
        self._view = memoryview(self._values).cast("B").cast("I")
        self._read = _LIB.uc_reg_read_batch
        self._write = _LIB.uc_reg_write_batch

    def read(self) -> list[int]:
        """Return the values of all registers of the set."""
        self._read(*self._args)
        return self._view.tolist()

    def write(self, *values: int) -> None:
        """Set all registers of the set, in the order of the names."""
        self._values[:] = values  # type: ignore[call-overload]  # any sequence will do
        self._write(*self._args)

    def first(self) -> int:
        """Return the value of the first register of the set."""
        self._read(*self._args)
        return self._values[0]

    def put(self, value: int) -> None:
        """Set the only register of the set."""
        self._values[0] = value
        self._write(*self._args)


class NativeCore:
    """Core of unicorn with empty memory.

    Whoever owns it must call :meth:`close`: unicorn, its callbacks and their owners refer to each other, and
    waiting for the cycle collector is what made machines pile up in memory.
    """

    def __init__(self, model: Model) -> None:
        uc = model.open()
        uc.ctl_set_tcg_buffer_size(TCG_BUFFER_BYTES)
        uc.ctl_exits_enabled(
            True
        )  # without any exit: else the "until" of a run, 0, is one, and a null call is a WFI
        self._uc = uc
        self._model: Final = model
        self._handle = int(uc._uch.value)
        self._pointer = _PTR(self._handle)
        self._stops: frozenset[int] = frozenset()
        self._breaks: frozenset[int] = frozenset()
        self._keep: list[object] = []
        io: list[tuple[ReadHandler, WriteHandler]] = []
        self._io = io
        self._on_io = (
            _READ_CALLBACK(lambda _uc, offset, width, number: io[number or 0][0](offset, width)),
            _WRITE_CALLBACK(
                lambda _uc, offset, width, value, number: io[number or 0][1](offset, width, value)
            ),
        )
        offset = _counter_offset(model)
        self.executed: Final = _SIZE.from_address(self._handle + offset)
        """Instructions of the current (last) run; counts the one in progress, and one more when the budget ends it."""
        self.budget: Final = _SIZE.from_address(self._handle + offset + ctypes.sizeof(_SIZE))
        """The run ends before the instruction that would exceed this."""
        self._start = _LIB.uc_emu_start
        self._zero = _U64(0)
        self._begin = _U64(0)
        self._count = _SIZE(0)
        self._start_args = (self._pointer, self._begin, self._zero, self._zero, self._count)
        self._stop = _LIB.uc_emu_stop

    @property
    def handle(self) -> int:
        """The address that identifies this core to the library."""
        return self._handle

    def registers(self, *names: str) -> RegisterBatch:
        """Return a set of registers by the names of unicorn's constants, for example ``"R0", "PC"``."""
        model = self._model
        return RegisterBatch(self._handle, [getattr(model.registers, model.prefix + name) for name in names])

    def run(self, pc: int, budget: int) -> int:
        """Run at most ``budget`` instructions from ``pc``; return unicorn's error code."""
        self._begin.value = pc
        self._count.value = budget
        return int(self._start(*self._start_args))

    def stop(self) -> None:
        """End the run from an interrupt or invalid-instruction hook (never from a peripheral access)."""
        self._stop(self._pointer)

    def map_memory(self, address: int, size: int, pointer: int) -> None:
        """Map host memory at ``pointer``; sizes are multiples of 4096."""
        self._uc.mem_map_ptr(address, size, 7, pointer)

    def map_io(self, address: int, size: int, read: ReadHandler, write: WriteHandler) -> None:
        """Call ``read`` and ``write`` for accesses; executing from here is a fault."""
        number = _PTR(len(self._io))
        self._io.append((read, write))
        on_read, on_write = self._on_io
        self._check(
            _LIB.uc_mmio_map(self._pointer, _U64(address), _SIZE(size), on_read, number, on_write, number)
        )

    def map_holes(
        self, holes: Iterable[tuple[int, int]], store: Callable[[int], None], load: Callable[[int], bool]
    ) -> None:
        """Call ``store(address)`` and ``load(address)`` for accesses to (start, end); executing there is a fault.

        ``load`` answers True = the load reads 0, or False = the run ends before it. unicorn takes a slow way to every
        page in the bounds of such a hook, so that they are those of the holes.
        """
        on_write = _WRITE_CALLBACK(lambda _uc, offset, _width, _value, start: store((start or 0) + offset))
        on_load = _ACCESS_CALLBACK(lambda _uc, _kind, at, _size, _value, _user: load(at))
        self._keep.append(on_write)
        for start, end in holes:
            size = _SIZE(end - start)
            self._check(_LIB.uc_mmio_map(self._pointer, _U64(start), size, None, None, on_write, _PTR(start)))
            self._hook(UC_HOOK_MEM_READ_PROT, on_load, start, end - 1)

    def hook_exceptions(self, handler: Callable[[int], None]) -> None:
        """Call ``handler(number)`` where the core takes an exception; the numbers are the processor's."""
        self._hook(UC_HOOK_INTR, _INTR_CALLBACK(lambda _uc, number, _user: handler(number)))

    def hook_invalid_instruction(self, handler: Callable[[], bool]) -> None:
        """Call ``handler`` where unicorn cannot decode; True = carry on as if it had been executed."""
        self._hook(UC_HOOK_INSN_INVALID, _INVALID_CALLBACK(lambda _uc, _user: handler()))

    def hook_pages(self, handler: PageHandler) -> None:
        """Ask ``handler`` about a page before it is first used, before a use that it has not allowed, and now and then.

        unicorn's own translation of addresses makes all memory executable, so that every store has to look for
        code to invalidate: five times slower than a store into a page that cannot hold code.
        """
        self._uc.ctl_set_tlb_mode(UC_TLB_VIRTUAL)

        def on_page(_uc: object, address: int, kind: int, page: Any, _user: object) -> bool:
            access = EXECUTE if kind == UC_MEM_FETCH else WRITE if kind == UC_MEM_WRITE else READ
            page[0].address, page[0].permissions = handler(address, access)
            return bool(page[0].permissions & access)

        self._hook(UC_HOOK_TLB_FILL, _PAGE_CALLBACK(on_page))

    def hook_block(self, address: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` when a run of instructions begins at ``address``: after a jump or a change of masks.

        That costs nothing anywhere else.
        """
        callback = _CODE_CALLBACK(lambda _uc, _address, _size, _user: handler())
        self._hook(UC_HOOK_BLOCK, callback, address, address)

    def hook_address(self, address: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` before the instruction at ``address``; every instruction becomes twice as slow."""
        callback = _CODE_CALLBACK(lambda _uc, _address, _size, _user: handler())
        self._hook(UC_HOOK_CODE, callback, address, address)

    def hook_translations(self, address: int, size: int, handler: Callable[[int, int], None]) -> None:
        """Call ``handler(address, size)`` where code that begins in this range was translated, before it runs."""

        def on_edge(_uc: object, new: Any, _before: object, _user: object) -> None:
            code = new.contents
            handler(code.address, code.size)

        self._hook(UC_HOOK_EDGE_GENERATED, _EDGE_CALLBACK(on_edge), address, address + size - 1)

    def stop_before(self, addresses: Iterable[int]) -> None:
        """End every run before the instructions at ``addresses``, as a WFI would, with PC there; free anywhere else."""
        self._stops = frozenset(addresses)
        self._uc.ctl_set_exits(sorted(self._stops | self._breaks))

    def break_before(self, addresses: Iterable[int]) -> None:
        """End runs before the instructions at ``addresses``, too; they are other ones than :meth:`stop_before` has."""
        self._breaks = frozenset(addresses)
        self._uc.ctl_set_exits(sorted(self._stops | self._breaks))

    def hook_stores(self, begin: int, end: int, handler: StoreHandler) -> Callable[[], None]:
        """Call ``handler`` before every store that begins in ``begin``…``end`` - 1; return how to end that.

        All loads and stores of the core are slower until it has ended, which must be between two runs.
        """
        return self._hook_accesses(UC_HOOK_MEM_WRITE, begin, end, handler)

    def hook_loads(self, begin: int, end: int, handler: StoreHandler) -> Callable[[], None]:
        """Call ``handler`` before every load there, its value 0; as :meth:`hook_stores`."""
        return self._hook_accesses(UC_HOOK_MEM_READ, begin, end, handler)

    def _hook_accesses(self, kind: int, begin: int, end: int, handler: StoreHandler) -> Callable[[], None]:
        callback = _STORE_CALLBACK(
            lambda _uc, _kind, address, size, value, _user: handler(address, size, value)
        )
        number = self._hook(kind, callback, begin, end - 1)

        def remove() -> None:
            self._check(_LIB.uc_hook_del(self._pointer, number))

        return remove

    def _hook(self, kind: int, callback: object, begin: int = 1, end: int = 0) -> ctypes.c_size_t:
        self._keep.append(callback)
        number = _SIZE()
        self._check(
            _LIB.uc_hook_add(
                self._pointer,
                ctypes.byref(number),
                ctypes.c_int(kind),
                callback,
                None,
                _U64(begin),
                _U64(end),
            )
        )
        return number

    def forget_code(self, address: int, size: int) -> None:
        """Drop translations of a range that the host has changed."""
        self._uc.ctl_remove_cache(address, address + size)

    def forget_all_code(self) -> None:
        """Drop all translations, and what is known of pages; not while the core runs.

        After a hook has gone, and one more run, they are quick again.
        """
        self._uc.ctl_flush_tb()
        self._uc.ctl(UC_CTL_TLB_FLUSH, UC_CTL_IO_WRITE)

    def forget_pages(self) -> None:
        """Ask again about every page."""
        self._uc.ctl(UC_CTL_TLB_FLUSH, UC_CTL_IO_WRITE)

    def _check(self, code: int) -> None:
        if code:
            raise EngineNotAvailableError(
                f"unicorn refused a call (error {code}); the engine needs unicorn 2.1.4"
            )

    def close(self) -> None:
        """Free the core and break its references; the object cannot be used afterwards."""
        del self._uc  # the only reference: unicorn frees everything here, not at some later collection
        self._keep.clear()
        self._io.clear()


@cache
def _counter_offset(model: Model) -> int:
    """Return where unicorn keeps its instruction counter; the stop count follows it."""
    uc = model.open()
    uc.mem_map(0, 0x1000)
    uc.mem_write(0x100, model.loop)
    words = 1024
    found: set[int] | None = None
    for count in (1_111, 7_777, 54_321):
        uc.emu_start(0x100 + model.start_bit, 0, 0, count)
        state = struct.unpack(f"{words}N", ctypes.string_at(uc._uch.value, words * ctypes.sizeof(_SIZE)))
        here = {index for index in range(words - 1) if state[index : index + 2] == (count + 1, count)}
        found = here if found is None else found & here
    if found is None or len(found) != 1:
        raise EngineNotAvailableError(
            "this build of unicorn keeps its instruction counter in an unknown place; install unicorn==2.1.4"
        )
    return found.pop() * ctypes.sizeof(_SIZE)
