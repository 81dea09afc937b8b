//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // VEVIF as the Arm core sees it: the first half of the VPR peripheral (nRF54L15 Product Specification, "VPR"). A task
    // sets its bit in TASKS of the VPR, `peer`; an event that the VPR sets is in EVENTS_TRIGGERED, and a 0 written there
    // clears it on both sides.
    //
    // IRQ is high while an event is enabled. The interrupt controller latches where it rises, and only there: firmware
    // for chips with erratum 16 never clears the event, and a line that stays high would interrupt for ever. DPPI is not
    // modelled: SUBSCRIBE_TRIGGER and PUBLISH_TRIGGERED are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_VEVIF : SignallingMailbox, IKnownSize
    {
        public NRF_VEVIF(IMachine machine, NRF_VEVIF_CSR peer) : base(machine, ChannelCount, peer?.Sync)
        {
            if(peer == null)
            {
                throw new ConstructionException("An NRF_VEVIF needs its peer, the NRF_VEVIF_CSR of the VPR");
            }
            vpr = peer;
            vpr.Join(this);
            IRQ = new GPIO();
            DefineRegisters();
        }

        public override void Reset()
        {
            lock(sync)
            {
                base.Reset();
                Enable(0); // the events are the VPR's, and stay
            }
        }

        // Events that the VPR has set, with the lock taken.
        internal void TriggerEvents(uint channels)
        {
            ReceivedSignals++;
            events |= channels;
            UpdateInterrupt();
        }

        // The VPR has cleared events, with the lock taken.
        internal void ClearEvents(uint channels)
        {
            events &= ~channels;
            UpdateInterrupt();
        }

        // With the lock taken.
        internal void Enable(uint channels)
        {
            enabled = channels & vpr.WiredEvents;
            UpdateInterrupt();
        }

        public long Size => 0x800;

        public GPIO IRQ { get; }

        public override uint LatchedEvents => events;

        public uint EnabledInterrupts => enabled;

        protected override uint GetRung(long offset, uint value)
        {
            return offset < (long)Registers.TasksTrigger + 4 * ChannelCount && (value & 1) != 0
                ? 1u << (int)(offset - (long)Registers.TasksTrigger) / 4
                : 0;
        }

        protected override void Deliver(uint channels)
        {
            vpr.TriggerTasks(channels);
        }

        protected override uint Spread(uint channels)
        {
            return channels & vpr.WiredTasks;
        }

        protected override string DescribeRegisters()
        {
            return string.Format("INTEN=0x{0:X8} EVENTS=0x{1:X8} IRQ={2}", enabled, events, IRQ.IsSet ? 1 : 0);
        }

        protected override string TaskName => "TASKS_TRIGGER";

        private void DefineRegisters()
        {
            Registers.TasksTrigger.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER",
                    writeCallback: (_, value) =>
                    {
                        if(value)
                        {
                            Trigger(index);
                        }
                    })
                .WithReservedBits(1, 31)
            );

            Registers.SubscribeTrigger.DefineMany(this, ChannelCount, (register, index) => register.WithValueField(0, 32, name: "SUBSCRIBE"));
            Registers.PublishTriggered.DefineMany(this, ChannelCount, (register, index) => register.WithValueField(0, 32, name: "PUBLISH"));

            Registers.EventsTriggered.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, name: "TRIGGERED",
                    valueProviderCallback: _ => (events & (1u << index)) != 0,
                    writeCallback: (_, value) =>
                    {
                        if(!value) // a one sets none
                        {
                            vpr.ClearEvents(1u << index);
                            ClearEvents(1u << index);
                        }
                    })
                .WithReservedBits(1, 31)
            );

            DefineEnable(Registers.InterruptEnable, value => value);
            DefineEnable(Registers.InterruptEnableSet, value => enabled | value);
            DefineEnable(Registers.InterruptEnableClear, value => enabled & ~value);

            Registers.InterruptPending.Define(this)
                .WithValueField(0, ChannelCount, FieldMode.Read, name: "TRIGGERED", valueProviderCallback: _ => enabled & events);
        }

        private void DefineEnable(Registers register, Func<uint, uint> change)
        {
            register.Define(this)
                .WithValueField(0, ChannelCount, name: "TRIGGERED",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) => Enable(change((uint)value)));
        }

        private void Trigger(int task)
        {
            var channel = (1u << task) & vpr.WiredTasks;
            if(channel == 0)
            {
                this.Log(LogLevel.Warning, "TASKS_TRIGGER[{0}] has no wire in this SoC; tasks that have one: 0x{1:X}", task, vpr.WiredTasks);
            }
            Send(task, channel);
        }

        // Each event that joins is an edge. Who looks at IRQ sees the level; the interrupt controller is told that it fell
        // as soon as it has latched.
        private void UpdateInterrupt()
        {
            var before = due;
            due = enabled & events;
            var rises = (due & ~before) != 0;
            if(rises)
            {
                IRQ.Set(false);
            }
            IRQ.Set(due != 0);
            if(rises)
            {
                foreach(var end in IRQ.Endpoints)
                {
                    end.Receiver.OnGPIO(end.Number, false);
                }
            }
        }

        private uint events;
        private uint enabled;
        private uint due;

        private readonly NRF_VEVIF_CSR vpr;

        private const int ChannelCount = 32;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksTrigger = 0x000, // TASKS_TRIGGER[32]
            SubscribeTrigger = 0x080, // SUBSCRIBE_TRIGGER[32]
            EventsTriggered = 0x100, // EVENTS_TRIGGERED[32]
            PublishTriggered = 0x180, // PUBLISH_TRIGGERED[32]
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            InterruptPending = 0x30C, // INTPEND
        }
    }
}
