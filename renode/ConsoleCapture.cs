//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.UART;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Keeps what UARTs send for a reader that looks only while the emulation is held: nothing outside has to run on
    // the threads of the cores. The block has the layout of DoorbellJournal; the kind of a record is 4, its source the
    // place of the UART among the arguments of the constructor, and its value the byte.
    public sealed class ConsoleCapture : IDisposable
    {
        public ConsoleCapture(IMachine machine, uint capacity, params IUART[] uarts)
        {
            if(capacity == 0 || capacity > MaximumCapacity)
            {
                throw new RecoverableException(string.Format("A capture has room for 1 to {0} bytes, not {1}", MaximumCapacity, capacity));
            }
            this.machine = machine;
            this.capacity = (int)capacity;
            memory = Marshal.AllocHGlobal(HeaderSize + this.capacity * RecordSize);
            Marshal.WriteInt64(memory, 0, 0);
            Marshal.WriteInt64(memory, 8, 0);
            foreach(var uart in uarts)
            {
                Follow(uart);
            }
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
                foreach(var release in releases)
                {
                    release();
                }
                Marshal.FreeHGlobal(memory);
            }
        }

        // The address of the block in this process; it is gone after Dispose.
        public long Address => memory.ToInt64();

        private void Follow(IUART uart)
        {
            var index = (uint)releases.Count;
            Action<byte> onByte = value => Add(index, value);
            uart.CharReceived += onByte;
            releases.Add(() => uart.CharReceived -= onByte);
        }

        private void Add(uint index, byte value)
        {
            var time = GetTime();
            lock(sync)
            {
                if(disposed)
                {
                    return;
                }
                var count = Marshal.ReadInt32(memory, CountOffset);
                if(count >= capacity)
                {
                    Marshal.WriteInt32(memory, LostOffset, Marshal.ReadInt32(memory, LostOffset) + 1);
                    return;
                }
                var record = HeaderSize + count * RecordSize;
                Marshal.WriteInt64(memory, record, (long)time);
                Marshal.WriteInt32(memory, record + 8, (int)(ByteSent | index << 16));
                Marshal.WriteInt32(memory, record + 12, value);
                Marshal.WriteInt32(memory, CountOffset, count + 1);
            }
        }

        // Within a quantum only the core that executes knows how far it is.
        private ulong GetTime()
        {
            if(machine.SystemBus.TryGetCurrentCPU(out var cpu))
            {
                cpu.SyncTime();
                return cpu.TimeHandle.TotalElapsedTime.Ticks / TimeInterval.TicksPerNanosecond;
            }
            return machine.ElapsedVirtualTime.TimeElapsed.Ticks / TimeInterval.TicksPerNanosecond;
        }

        private bool disposed;

        private readonly IMachine machine;
        private readonly int capacity;
        private readonly IntPtr memory;
        private readonly List<Action> releases = new List<Action>();
        private readonly object sync = new object();

        private const uint ByteSent = 4;
        private const int CountOffset = 0;
        private const int LostOffset = 4;
        private const int HeaderSize = 16;
        private const int RecordSize = 16;
        private const uint MaximumCapacity = 1000000;
    }
}
