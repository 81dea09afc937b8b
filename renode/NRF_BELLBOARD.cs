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
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // BELLBOARD of the nRF54H20: the mailbox in which others ring for one core. Each core has one, and `peer` joins two:
    // who rings in this one is the core that the other belongs to, so faults and counters of signals are there. Output k
    // is high while an event is in INTEN k: four groups, each with an interrupt. DPPI is not modelled: SUBSCRIBE_TRIGGER
    // and PUBLISH_TRIGGERED are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_BELLBOARD : SignallingMailbox, INumberedGPIOOutput, IKnownSize
    {
        public NRF_BELLBOARD(IMachine machine, NRF_BELLBOARD peer = null) : base(machine, ChannelCount, peer == null ? new object() : peer.sync)
        {
            if(peer != null)
            {
                if(peer.peer != null)
                {
                    throw new ConstructionException("The peer of this NRF_BELLBOARD has another one already");
                }
                this.peer = peer;
                peer.peer = this;
            }
            Connections = Enumerable.Range(0, GroupCount).ToDictionary(group => group, _ => (IGPIO)new GPIO());
            DefineRegisters();
        }

        public override void Reset()
        {
            lock(sync)
            {
                base.Reset();
                events = 0;
                Array.Clear(enabled, 0, enabled.Length);
                UpdateInterrupts();
            }
        }

        public bool IsOutputSet(int number)
        {
            return Connections[number].IsSet;
        }

        public IReadOnlyDictionary<int, IGPIO> Connections { get; }

        public long Size => 0x1000;

        public override uint LatchedEvents => events;

        public uint EnabledInterrupts => enabled.Aggregate(0u, (all, group) => all | group);

        protected override uint GetRung(long offset, uint value)
        {
            return offset < (long)Registers.TasksTrigger + 4 * ChannelCount && (value & 1) != 0
                ? 1u << (int)(offset - (long)Registers.TasksTrigger) / 4
                : 0;
        }

        protected override void Deliver(uint channels)
        {
            (peer ?? this).Receive(channels);
        }

        protected override string DescribeRegisters()
        {
            var high = Connections.Values.Any(line => line.IsSet);
            return string.Format("INTEN=0x{0:X8} EVENTS=0x{1:X8} IRQ={2}", EnabledInterrupts, events, high ? 1 : 0);
        }

        protected override string TaskName => "TASKS_TRIGGER";

        protected override SignallingMailbox Sender => peer ?? this;

        private void DefineRegisters()
        {
            Registers.TasksTrigger.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER",
                    writeCallback: (_, value) =>
                    {
                        if(value)
                        {
                            (peer ?? this).Send(index, 1u << index);
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
                        events = value ? events | (1u << index) : events & ~(1u << index);
                        UpdateInterrupts();
                    })
                .WithReservedBits(1, 31)
            );

            DefineEnable(Registers.InterruptEnable, (before, value) => value);
            DefineEnable(Registers.InterruptEnableSet, (before, value) => before | value);
            DefineEnable(Registers.InterruptEnableClear, (before, value) => before & ~value);

            Registers.InterruptPending.DefineMany(this, GroupCount, (register, group) => register
                .WithValueField(0, ChannelCount, FieldMode.Read, name: "TRIGGERED", valueProviderCallback: _ => enabled[group] & events),
                stepInBytes: GroupStep);
        }

        private void DefineEnable(Registers first, Func<uint, uint, uint> change)
        {
            first.DefineMany(this, GroupCount, (register, group) => register
                .WithValueField(0, ChannelCount, name: "TRIGGERED",
                    valueProviderCallback: _ => enabled[group],
                    writeCallback: (_, value) =>
                    {
                        enabled[group] = change(enabled[group], (uint)value);
                        UpdateInterrupts();
                    }),
                stepInBytes: GroupStep);
        }

        private void Receive(uint channels)
        {
            ReceivedSignals++;
            events |= channels;
            UpdateInterrupts();
        }

        private void UpdateInterrupts()
        {
            for(var group = 0; group < GroupCount; group++)
            {
                Connections[group].Set((enabled[group] & events) != 0);
            }
        }

        private uint events;
        private NRF_BELLBOARD peer;

        private readonly uint[] enabled = new uint[GroupCount];

        private const int ChannelCount = 32;
        private const int GroupCount = 4;
        private const uint GroupStep = 0x10;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksTrigger = 0x000, // TASKS_TRIGGER[32]
            SubscribeTrigger = 0x080, // SUBSCRIBE_TRIGGER[32]
            EventsTriggered = 0x100, // EVENTS_TRIGGERED[32]
            PublishTriggered = 0x180, // PUBLISH_TRIGGERED[32]
            InterruptEnable = 0x300, // INTEN[4]
            InterruptEnableSet = 0x304, // INTENSET[4]
            InterruptEnableClear = 0x308, // INTENCLR[4]
            InterruptPending = 0x30C, // INTPEND[4]
        }
    }
}
