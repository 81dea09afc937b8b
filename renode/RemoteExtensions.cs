//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Linq;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.UART;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // For somebody who plays cores from another process and has nothing but commands of the Monitor: a step of the
    // lockstep and everything that happened in it are one command.
    public static class RemoteExtensions
    {
        // `ipcapp Follow "ipcapp ipcnet" "uartapp uartnet"` writes down doorbells, interrupts and what is printed from
        // now on. The source of a record is the place of its name.
        public static void Follow(this IDoorbell ipc, string mailboxes, string uarts)
        {
            Unfollow(ipc);
            var machine = ipc.GetMachine();
            doorbells = new DoorbellJournal(machine, Capacity, FindAll<IDoorbell>(machine, mailboxes));
            console = new ConsoleCapture(machine, Capacity, FindAll<IUART>(machine, uarts));
        }

        // The same for what cores spend their time with (TimelineWatch), while somebody wants to know.
        public static void FollowTimeline(this IDoorbell ipc, bool wanted)
        {
            timeline?.Dispose();
            timeline = wanted ? new TimelineWatch(ipc.GetMachine(), Capacity) : null;
        }

        // `ipcapp BreakAt "cpunet" 0x1000 true` lets everything stand where firmware comes to an address (FirmwareStops):
        // RunUntil ends there, and the next one goes on.
        public static void BreakAt(this IDoorbell ipc, string cpu, ulong address, bool wanted)
        {
            Stops(ipc).BreakAt(Find<ICPU>(ipc.GetMachine(), cpu), address, wanted);
        }

        // `ipcapp WatchMemory "cpunet" 0x20070000 4 false true` writes down stores, or loads, from now on.
        public static void WatchMemory(this IDoorbell ipc, string cpu, ulong begin, ulong size, bool loads, bool wanted)
        {
            Stops(ipc).Watch(Find<ICPU>(ipc.GetMachine(), cpu), begin, size, loads, wanted);
        }

        // Needed before the machine is saved.
        public static void Unfollow(this IDoorbell _)
        {
            doorbells?.Dispose();
            console?.Dispose();
            timeline?.Dispose();
            stops?.Dispose();
            timeline = null;
            stops = null;
            doorbells = null;
            console = null;
        }

        // For somebody at Renode's own Monitor, whose emulation a session from outside holds, or held as it broke off:
        // lets the emulation go, paused, writes nothing down any more, and says what it did. Up to 10 ms pass.
        public static string Release(this IDoorbell ipc)
        {
            var isFollowed = doorbells != null;
            var wasHeld = Lockstep.Exists;
            ipc.EndLockstep();
            Unfollow(ipc);
            if(wasHeld && !Lockstep.Exists)
            {
                return "the emulation was held and is let go, paused: start, pause and RunFor are yours again";
            }
            if(wasHeld)
            {
                return "the emulation is held by Python in this process: close the machine there, or `icmsg release`";
            }
            return isFollowed ? "the emulation was not held, but followed, which has ended" : "nothing was held";
        }

        // Lets time pass until one of these lines ("ipcapp.IRQ ipcnet.IRQ") is high, or a mailbox that is followed
        // rings or is rung, at most so long; prints what TakeRecords prints. EndLockstep comes before anything else that lets
        // time pass.
        public static string RunUntil(this IDoorbell ipc, ulong microseconds, string lines)
        {
            if(doorbells == null)
            {
                throw new RecoverableException("Nobody follows this machine: Release has let it go meanwhile, or there was no Follow");
            }
            var machine = ipc.GetMachine();
            ipc.RunUntilAny(microseconds, Split(lines).Select(line => FindLine(machine, line)).ToArray(), doorbells);
            return TakeRecords(ipc);
        }

        // The virtual time in nanoseconds, the number of records that found no room, and the records since the last
        // time in hexadecimal (RecordBlock), or "-".
        public static string TakeRecords(this IDoorbell ipc)
        {
            var records = string.Empty;
            var lost = 0;
            if(doorbells != null)
            {
                records = doorbells.Take(out var lostDoorbells) + console.Take(out var lostBytes);
                lost = lostDoorbells + lostBytes;
                if(timeline != null)
                {
                    records += timeline.Take(out var lostOfTimeline);
                    lost += lostOfTimeline;
                }
                if(stops != null)
                {
                    records += stops.Take(out var lostOfStops);
                    lost += lostOfStops;
                }
            }
            return string.Format("{0} {1} {2}", ipc.ElapsedNanoseconds(), lost, records.Length == 0 ? "-" : records);
        }

        private static FirmwareStops Stops(IDoorbell ipc)
        {
            if(doorbells == null)
            {
                throw new RecoverableException("Nobody follows this machine: Release has let it go meanwhile, or there was no Follow");
            }
            return stops = stops ?? new FirmwareStops(ipc.GetMachine(), Capacity);
        }

        private static string[] Split(string names)
        {
            return names.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries);
        }

        private static T[] FindAll<T>(IMachine machine, string names) where T : class
        {
            return Split(names).Select(name => Find<T>(machine, name)).ToArray();
        }

        private static T Find<T>(IMachine machine, string name) where T : class
        {
            var found = machine["sysbus." + name] as T;
            if(found == null)
            {
                throw new RecoverableException(string.Format("{0} is no {1}", name, typeof(T).Name));
            }
            return found;
        }

        private static GPIO FindLine(IMachine machine, string line)
        {
            var names = line.Split('.');
            var peripheral = Find<IPeripheral>(machine, names[0]);
            var found = names.Length == 2 ? DoorbellLines.Find(peripheral, names[1]) : null;
            if(found == null)
            {
                throw new RecoverableException(string.Format("{0} is no line; give a peripheral and its output, as in ipcapp.IRQ", line));
            }
            return found;
        }

        private static DoorbellJournal doorbells;
        private static ConsoleCapture console;
        private static TimelineWatch timeline;
        private static FirmwareStops stops;

        private const uint Capacity = 1 << 16;
    }
}
