//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Linq;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // VEVIF as the VPR sees it: registers of the core (CSRs), which here lie in a window on the bus that only this core
    // has. CSR number c is at 0x10 * c: a read and a write (csrrw), behind it a write that sets bits (csrrs), and one
    // that clears bits (csrrc); behind those of TASKS and EVENTS is which of their bits there are.
    //
    // The Arm core triggers tasks, `tasks` has those that are wired: output n is high while task n is in TASKS. The
    // VPR rings by setting a bit of EVENTS, of which `events` are wired; an NRF_VEVIF, which names this as its peer, is
    // what the Arm core sees of it. INTEN is a register of both. DPPI is not modelled: SUBSCRIBE and PUBLISH are stored
    // without effect.
    public class NRF_VEVIF_CSR : SignallingMailbox, INumberedGPIOOutput, IKnownSize
    {
        public NRF_VEVIF_CSR(IMachine machine, uint tasks = AllChannels, uint events = AllChannels) : base(machine, ChannelCount, new object())
        {
            WiredTasks = tasks;
            WiredEvents = events;
            Connections = Enumerable.Range(0, ChannelCount)
                .Where(channel => (tasks & (1u << channel)) != 0)
                .ToDictionary(channel => channel, _ => (IGPIO)new GPIO());
            DefineRegisters();
        }

        // The Arm core's view joins.
        internal void Join(NRF_VEVIF view)
        {
            arm = view;
        }

        // Of the CSRs INTEN is reset with the Arm core.
        public override void Reset()
        {
            lock(sync)
            {
                base.Reset();
                SetTasks(0);
                events = 0;
                fresh = 0;
                withdrawn = 0;
                arm?.ClearEvents(WiredEvents);
            }
        }

        // Tasks that the Arm core has triggered, with the lock taken.
        internal void TriggerTasks(uint channels)
        {
            ReceivedSignals++;
            SetTasks(tasks | channels);
        }

        // The Arm core has cleared events, with the lock taken.
        internal void ClearEvents(uint channels)
        {
            events &= ~channels;
        }

        public IReadOnlyDictionary<int, IGPIO> Connections { get; }

        public long Size => 0x10000;

        public override uint LatchedEvents => tasks;

        internal uint WiredTasks { get; }

        internal uint WiredEvents { get; }

        // What is locked while the state of either view changes.
        internal object Sync => sync;

        protected override uint GetRung(long offset, uint value)
        {
            switch((Registers)offset)
            {
            case Registers.Events:
                return value & ~events;
            case Registers.EventsSet:
                return value;
            default:
                return 0;
            }
        }

        // What the sender has cleared meanwhile ends as soon as it comes.
        protected override void Deliver(uint channels)
        {
            arm?.TriggerEvents(channels);
            arm?.ClearEvents(channels & withdrawn);
        }

        protected override uint Spread(uint channels)
        {
            return SetEvents(channels);
        }

        protected override string DescribeRegisters()
        {
            return string.Format("TASKS=0x{0:X8} EVENTS=0x{1:X8} IRQ={2}", tasks, events, tasks == 0 ? 0 : 1);
        }

        protected override string TaskName => "EVENTS";

        private void DefineRegisters()
        {
            DefineBits(Registers.Tasks, Registers.TasksSet, Registers.TasksClear, () => tasks, value => SetTasks(value & WiredTasks));
            DefineBits(Registers.Events, Registers.EventsSet, Registers.EventsClear, ReadEvents, value =>
            {
                WithdrawEvents(~value);
                RingEvents(value & ~events);
            }, RingEvents, WithdrawEvents);
            DefineBits(Registers.InterruptEnable, Registers.InterruptEnableSet, Registers.InterruptEnableClear,
                () => arm == null ? 0 : arm.EnabledInterrupts, value => arm?.Enable(value));
            DefineStored(Registers.Subscribe, Registers.SubscribeSet, Registers.SubscribeClear);
            DefineStored(Registers.Publish, Registers.PublishSet, Registers.PublishClear);

            Registers.TasksWired.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "TASKS", valueProviderCallback: _ => WiredTasks);
            Registers.EventsWired.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "EVENTS", valueProviderCallback: _ => WiredEvents);
        }

        // `setBits` and `clearBits` are for writes that are not a write of what is there with, or without, these bits.
        private void DefineBits(Registers register, Registers set, Registers clear, Func<uint> get, Action<uint> write,
            Action<uint> setBits = null, Action<uint> clearBits = null)
        {
            Define(register, get, write);
            Define(set, get, setBits ?? (bits => write(get() | bits)));
            Define(clear, get, clearBits ?? (bits => write(get() & ~bits)));
        }

        private void Define(Registers register, Func<uint> get, Action<uint> write)
        {
            register.Define(this)
                .WithValueField(0, 32, name: register.ToString(), valueProviderCallback: _ => get(), writeCallback: (_, value) => write((uint)value));
        }

        private void DefineStored(Registers register, Registers set, Registers clear)
        {
            IValueRegisterField stored;
            register.Define(this)
                .WithValueField(0, 32, out stored, name: register.ToString());
            Define(set, () => (uint)stored.Value, bits => stored.Value |= bits);
            Define(clear, () => (uint)stored.Value, bits => stored.Value &= ~bits);
        }

        // As their sender sees them, who may wait for the one that it has just set. The other core may run ahead, and have
        // cleared it already; on the SoC it cannot be that fast.
        private uint ReadEvents()
        {
            var seen = events | fresh;
            fresh = 0;
            return seen;
        }

        private void RingEvents(uint channels)
        {
            SetEvents(channels);
            for(var i = 0; i < ChannelCount; i++)
            {
                if((channels & (1u << i)) != 0)
                {
                    Send(i, (1u << i) & WiredEvents);
                }
            }
        }

        // Returns those that are wired.
        private uint SetEvents(uint channels)
        {
            channels &= WiredEvents;
            events |= channels;
            fresh |= channels;
            withdrawn &= ~channels;
            return channels;
        }

        private void WithdrawEvents(uint channels)
        {
            fresh &= ~channels;
            channels &= events;
            events &= ~channels;
            withdrawn |= channels;
            arm?.ClearEvents(channels);
        }

        private void SetTasks(uint value)
        {
            tasks = value;
            foreach(var output in Connections)
            {
                output.Value.Set((value & (1u << output.Key)) != 0);
            }
        }

        private uint tasks;
        private uint events;
        private uint fresh; // events that were set and not looked at since
        private uint withdrawn; // events that this side has cleared itself since it rang them
        private NRF_VEVIF arm;

        private const int ChannelCount = 32;
        private const uint AllChannels = 0xFFFFFFFF;

        // The names in the comments are those of the CSRs, with what an access does.
        private enum Registers : long
        {
            Tasks = 0x7E00, // TASKS
            TasksSet = 0x7E04, // TASKSSET
            TasksClear = 0x7E08, // TASKSCLR
            TasksWired = 0x7E0C, // TASKSWIRED
            Subscribe = 0x7E10, // SUBSCRIBE
            SubscribeSet = 0x7E14, // SUBSCRIBESET
            SubscribeClear = 0x7E18, // SUBSCRIBECLR
            Events = 0x7E20, // EVENTS
            EventsSet = 0x7E24, // EVENTSSET
            EventsClear = 0x7E28, // EVENTSCLR
            EventsWired = 0x7E2C, // EVENTSWIRED
            Publish = 0x7E30, // PUBLISH
            PublishSet = 0x7E34, // PUBLISHSET
            PublishClear = 0x7E38, // PUBLISHCLR
            InterruptEnable = 0x7E40, // INTEN
            InterruptEnableSet = 0x7E44, // INTENSET
            InterruptEnableClear = 0x7E48, // INTENCLR
        }
    }
}
