//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Records of what happens while the emulation runs, for a reader that looks only while it is held: nothing
    // outside has to run on the threads of the cores. The block is unmanaged memory, so that the reader needs no call.
    // All numbers are little-endian:
    //
    //     0   uint32   number of records; the reader sets it to 0 when it has read them
    //     4   uint32   records that were lost because there was no room
    //     8   uint64   not used
    //     16  records of 16 bytes, those of one source in the order of time:
    //         0   uint64   virtual time in nanoseconds
    //         8   uint16   kind, see RecordKind
    //         10  uint16   source
    //         12  uint32   value
    public sealed class RecordBlock : IDisposable
    {
        public RecordBlock(IMachine machine, uint capacity)
        {
            if(capacity == 0 || capacity > MaximumCapacity)
            {
                throw new RecoverableException(string.Format("There can be room for 1 to {0} records, not {1}", MaximumCapacity, capacity));
            }
            this.machine = machine;
            this.capacity = (int)capacity;
            memory = Marshal.AllocHGlobal(HeaderSize + this.capacity * RecordSize);
            Marshal.WriteInt64(memory, 0, 0);
            Marshal.WriteInt64(memory, 8, 0);
        }

        // What Dispose does first, so that nothing is added afterwards.
        public void OnDispose(Action action)
        {
            endings.Add(action);
        }

        public void Dispose()
        {
            lock(sync)
            {
                if(disposed)
                {
                    return;
                }
                disposed = true;
                // Cores of a machine that was cleared are gone; a call that reached them would end the process.
                if(EmulationManager.Instance.CurrentEmulation.Machines.Contains(machine))
                {
                    foreach(var ending in endings)
                    {
                        ending();
                    }
                }
                Marshal.FreeHGlobal(memory);
            }
        }

        public void Add(RecordKind kind, int source, uint value)
        {
            Add(kind, source, value, GetTime());
        }

        // Returns how many records there are now.
        public int Add(RecordKind kind, int source, uint value, ulong time)
        {
            lock(sync)
            {
                if(disposed)
                {
                    return 0;
                }
                var count = Marshal.ReadInt32(memory, CountOffset);
                if(count >= capacity)
                {
                    Marshal.WriteInt32(memory, LostOffset, Marshal.ReadInt32(memory, LostOffset) + 1);
                    return count;
                }
                var record = HeaderSize + count * RecordSize;
                Marshal.WriteInt64(memory, record, (long)time);
                Marshal.WriteInt32(memory, record + 8, (int)kind | source << 16);
                Marshal.WriteInt32(memory, record + 12, (int)value);
                Marshal.WriteInt32(memory, CountOffset, count + 1);
                return count + 1;
            }
        }

        // The records since the last time in hexadecimal digits, for a reader in another process.
        public string Take(out int lost)
        {
            lock(sync)
            {
                if(disposed)
                {
                    lost = 0;
                    return string.Empty;
                }
                var records = new byte[Marshal.ReadInt32(memory, CountOffset) * RecordSize];
                lost = Marshal.ReadInt32(memory, LostOffset);
                Marshal.Copy(new IntPtr(memory.ToInt64() + HeaderSize), records, 0, records.Length);
                Marshal.WriteInt64(memory, 0, 0);
                return BitConverter.ToString(records).Replace("-", string.Empty);
            }
        }

        // Lets the core that makes this access report how far it is. Timers that are due run by that, so not where a
        // lock is held that they may wait for, as in the hook of a line.
        public void SyncTime()
        {
            if(TryGetExecutingCPU(out var cpu))
            {
                cpu.SyncTime();
            }
        }

        // The address in this process; it is gone after Dispose.
        public long Address => memory.ToInt64();

        // Within a quantum each core has a time of its own, ahead of that of the machine.
        private ulong GetTime()
        {
            if(Lockstep.TryGetStandingTime(out var standing))
            {
                return standing;
            }
            var time = TryGetExecutingCPU(out var cpu) ? cpu.TimeHandle.TotalElapsedTime : machine.ElapsedVirtualTime.TimeElapsed;
            return time.Ticks / TimeInterval.TicksPerNanosecond;
        }

        // An access from outside can name a core as its context; only the thread of the core executes.
        private bool TryGetExecutingCPU(out ICPU cpu)
        {
            return machine.SystemBus.TryGetCurrentCPU(out cpu) && cpu.OnPossessedThread;
        }

        private bool disposed;

        private readonly IMachine machine;
        private readonly int capacity;
        private readonly IntPtr memory;
        private readonly List<Action> endings = new List<Action>();
        private readonly object sync = new object();

        private const int CountOffset = 0;
        private const int LostOffset = 4;
        private const int HeaderSize = 16;
        private const int RecordSize = 16;
        private const uint MaximumCapacity = 1000000;
    }

    public enum RecordKind
    {
        TaskTriggered = 1, // by a mailbox; the value is the number of its channel
        LineRose = 2, // the interrupt of a mailbox; the value is the number of its output
        ByteSent = 4, // by a UART; the value is the byte
        CoreHeld = 5, // by a CoreHolder
        CoreReleased = 6, // by a CoreHolder
        CoreRestarted = 7, // by a CoreHolder
        ResetRequested = 8, // by firmware of a core (SYSRESETREQ), whose place among the cores is the source
        FaultTaken = 9, // by a core, see ExceptionWatch; the value is the PC
        LockedUp = 10, // a fault that a core cannot take; the value is the PC
        Storm = 11, // the value is the number of an exception that never ends
        InterruptTaken = 12, // by a core, see TimelineWatch; the value is the number of the interrupt
        InterruptEnded = 13,
        FellAsleep = 14,
        Woke = 15,
        Reached = 16, // by a core, an address at which it stands, see FirmwareStops
        Stored = 17, // by a core; the value is the address, and those of the next two records go with it
        Loaded = 18,
        AccessValue = 19,
        AccessPlace = 20,
    }
}
