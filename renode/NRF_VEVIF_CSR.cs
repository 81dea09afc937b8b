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
    // that clears bits (csrrc).
    //
    // The Arm core triggers tasks, `tasks` has those that are wired: output n is high while task n is in TASKS. The
    // VPR rings by setting a bit of EVENTS, of which `events` are wired; an NRF_VEVIF, which names this as its peer, is
    // what the Arm core sees of it. DPPI is not modelled: SUBSCRIBE and PUBLISH are stored without effect.
    public class NRF_VEVIF_CSR : SignallingMailbox, INumberedGPIOOutput, IKnownSize
    {
        public NRF_VEVIF_CSR(IMachine machine, uint tasks, uint events) : base(machine, ChannelCount, new object())
        {
            wiredTasks = tasks;
            wiredEvents = events;
            var outputs = new Dictionary<int, IGPIO>();
            for(var i = 0; i < ChannelCount; i++)
            {
                if((tasks & (1u << i)) != 0)
                {
                    outputs[i] = new GPIO();
                }
            }
            Connections = outputs;
            DefineRegisters();
        }

        // The Arm core's view joins.
        public void Join(NRF_VEVIF view)
        {
            arm = view;
        }

        public override void Reset()
        {
            lock(sync)
            {
                base.Reset();
                SetTasks(0);
                SetEvents(0);
            }
        }

        // Tasks that the Arm core has triggered, with the lock taken.
        public void TriggerTasks(uint channels)
        {
            channels &= wiredTasks;
            if(channels != 0)
            {
                ReceivedSignals++;
                SetTasks(tasks | channels);
            }
        }

        // The Arm core has cleared events, with the lock taken.
        public void ClearEvents(uint channels)
        {
            events &= ~channels;
        }

        public IReadOnlyDictionary<int, IGPIO> Connections { get; }

        public long Size => 0x10000;

        public override uint LatchedEvents => tasks;

        // What interrupts this core is enabled in its interrupt controller.
        public override uint EnabledInterrupts => wiredTasks;

        public uint WiredEvents => wiredEvents;

        // What is locked while the state of either view changes.
        public object Sync => sync;

        protected override uint GetRung(long offset, uint value)
        {
            switch((Registers)offset)
            {
            case Registers.Events:
                return value & ~events & wiredEvents;
            case Registers.EventsSet:
                return value & wiredEvents;
            default:
                return 0;
            }
        }

        protected override void Deliver(uint channels)
        {
            arm?.TriggerEvents(channels & wiredEvents);
        }

        protected override string DescribeRegisters()
        {
            var high = Connections.Values.Any(line => line.IsSet);
            return string.Format("TASKS=0x{0:X8} EVENTS=0x{1:X8} IRQ={2}", tasks, events, high ? 1 : 0);
        }

        protected override string TaskName => "EVENTS";

        private void DefineRegisters()
        {
            DefineBits(Registers.Tasks, Registers.TasksSet, Registers.TasksClear, () => tasks,
                value => SetTasks(value & wiredTasks), value => SetTasks(tasks | (value & wiredTasks)));
            DefineBits(Registers.Events, Registers.EventsSet, Registers.EventsClear, () => events,
                value =>
                {
                    var rung = value & ~events & wiredEvents;
                    SetEvents(events & value);
                    RingEvents(rung);
                },
                value => RingEvents(value & wiredEvents));
            DefineStored(Registers.Subscribe, Registers.SubscribeSet, Registers.SubscribeClear);
            DefineStored(Registers.Publish, Registers.PublishSet, Registers.PublishClear);
            DefineStored(Registers.InterruptEnable, Registers.InterruptEnableSet, Registers.InterruptEnableClear);
        }

        private void DefineStored(Registers register, Registers set, Registers clear)
        {
            DefineBits(register, set, clear, () => Get(register), value => stored[register] = value, value => stored[register] = Get(register) | value);
        }

        private uint Get(Registers register)
        {
            return stored.TryGetValue(register, out var value) ? value : 0;
        }

        // `set` is what a write that sets bits does.
        private void DefineBits(Registers read, Registers set, Registers clear, Func<uint> get, Action<uint> write, Action<uint> setBits)
        {
            Define(read, get, write);
            Define(set, get, setBits);
            Define(clear, get, bits => write(get() & ~bits));
        }

        private void Define(Registers register, Func<uint> get, Action<uint> write)
        {
            register.Define(this)
                .WithValueField(0, 32, name: register.ToString(), valueProviderCallback: _ => get(), writeCallback: (_, value) => write((uint)value));
        }

        private void RingEvents(uint channels)
        {
            events |= channels;
            for(var i = 0; i < ChannelCount; i++)
            {
                if((channels & (1u << i)) != 0)
                {
                    Send(i, 1u << i);
                }
            }
        }

        private void SetEvents(uint value)
        {
            arm?.ClearEvents(events & ~value);
            events = value;
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
        private NRF_VEVIF arm;

        private readonly uint wiredTasks;
        private readonly uint wiredEvents;
        private readonly Dictionary<Registers, uint> stored = new Dictionary<Registers, uint>();

        private const int ChannelCount = 32;

        // The names in the comments are those of the CSRs, with what an access does.
        private enum Registers : long
        {
            Tasks = 0x7E00, // TASKS
            TasksSet = 0x7E04, // TASKSSET
            TasksClear = 0x7E08, // TASKSCLR
            Subscribe = 0x7E10, // SUBSCRIBE
            SubscribeSet = 0x7E14, // SUBSCRIBESET
            SubscribeClear = 0x7E18, // SUBSCRIBECLR
            Events = 0x7E20, // EVENTS
            EventsSet = 0x7E24, // EVENTSSET
            EventsClear = 0x7E28, // EVENTSCLR
            Publish = 0x7E30, // PUBLISH
            PublishSet = 0x7E34, // PUBLISHSET
            PublishClear = 0x7E38, // PUBLISHCLR
            InterruptEnable = 0x7E40, // INTEN
            InterruptEnableSet = 0x7E44, // INTENSET
            InterruptEnableClear = 0x7E48, // INTENCLR
        }
    }
}
