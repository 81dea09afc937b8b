//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // The IPC peripheral of the nRF5340 (Product Specification, "IPC"), one instance for each core. Instances that are
    // joined by the constructor argument `peer` share a backbone of 16 channels: a task signals the channels of its
    // SEND_CNF, and in every instance, the sending one included, each event whose RECEIVE_CNF has a signalled channel
    // is latched. The interrupt is a level: it is high as long as a latched event is enabled.
    //
    // DPPI is not modelled: SUBSCRIBE_SEND and PUBLISH_RECEIVE are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_IPC : SignallingMailbox, IKnownSize
    {
        public NRF_IPC(IMachine machine, NRF_IPC peer = null) : this(machine, peer, peer == null ? new Backbone() : peer.backbone)
        {
        }

        private NRF_IPC(IMachine machine, NRF_IPC peer, Backbone backbone) : base(machine, ChannelCount, backbone)
        {
            if(peer != null && peer.machine != machine)
            {
                throw new ConstructionException("The peer of an NRF_IPC must belong to the same machine");
            }
            this.backbone = backbone;
            backbone.Instances.Add(this);

            IRQ = new GPIO();
            DefineRegisters();
        }

        public override void Reset()
        {
            lock(backbone)
            {
                base.Reset();
                latched = 0;
                enabled = 0;
                UpdateInterrupt();
            }
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        public override uint LatchedEvents => latched;

        public uint EnabledInterrupts => enabled;

        protected override uint GetRung(long offset, uint value)
        {
            return offset < (long)Registers.TasksSend + 4 * ChannelCount && (value & 1) != 0
                ? 1u << (int)(offset - (long)Registers.TasksSend) / 4
                : 0;
        }

        protected override void Deliver(uint channels)
        {
            this.NoisyLog("Signal on channels 0x{0:X}", channels);
            foreach(var instance in backbone.Instances)
            {
                instance.Receive(channels);
            }
        }

        protected override string DescribeRegisters()
        {
            return string.Format("INTEN=0x{0:X4} EVENTS=0x{1:X4} IRQ={2}", enabled, latched, IRQ.IsSet ? 1 : 0);
        }

        protected override string TaskName => "TASKS_SEND";

        private void DefineRegisters()
        {
            Registers.TasksSend.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER",
                    writeCallback: (_, value) =>
                    {
                        if(value)
                        {
                            Send(index, (uint)sendConfiguration[index].Value);
                        }
                    })
                .WithReservedBits(1, 31)
            );

            // Software writes the whole block of SUBSCRIBE and PUBLISH registers, also those without a task or event.
            Registers.SubscribeSend.DefineMany(this, DppiRegisterCount, (register, index) => DefineDppi(register, "SUBSCRIBE_SEND", index));
            Registers.PublishReceive.DefineMany(this, DppiRegisterCount, (register, index) => DefineDppi(register, "PUBLISH_RECEIVE", index));

            Registers.EventsReceive.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, name: "GENERATED",
                    valueProviderCallback: _ => (latched & (1u << index)) != 0,
                    writeCallback: (_, value) =>
                    {
                        latched = value ? latched | (1u << index) : latched & ~(1u << index);
                        UpdateInterrupt();
                    })
                .WithReservedBits(1, 31)
            );

            Registers.InterruptEnable.Define(this)
                .WithValueField(0, ChannelCount, name: "RECEIVE",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) => Enable((uint)value))
                .WithReservedBits(ChannelCount, 32 - ChannelCount);

            Registers.InterruptEnableSet.Define(this)
                .WithValueField(0, ChannelCount, name: "RECEIVE",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) => Enable(enabled | (uint)value))
                .WithReservedBits(ChannelCount, 32 - ChannelCount);

            Registers.InterruptEnableClear.Define(this)
                .WithValueField(0, ChannelCount, name: "RECEIVE",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) => Enable(enabled & ~(uint)value))
                .WithReservedBits(ChannelCount, 32 - ChannelCount);

            Registers.InterruptPending.Define(this)
                .WithValueField(0, ChannelCount, FieldMode.Read, name: "RECEIVE",
                    valueProviderCallback: _ => enabled & latched)
                .WithReservedBits(ChannelCount, 32 - ChannelCount);

            Registers.SendConfiguration.DefineMany(this, ChannelCount, (register, index) => register
                .WithValueField(0, ChannelCount, out sendConfiguration[index], name: "CHEN")
                .WithReservedBits(ChannelCount, 32 - ChannelCount)
            );

            Registers.ReceiveConfiguration.DefineMany(this, ChannelCount, (register, index) => register
                .WithValueField(0, ChannelCount, out receiveConfiguration[index], name: "CHEN")
                .WithReservedBits(ChannelCount, 32 - ChannelCount)
            );

            Registers.GeneralPurposeMemory.DefineMany(this, GeneralPurposeMemoryCount, (register, index) => register
                .WithValueField(0, 32, name: "GPMEM")
            );
        }

        private void DefineDppi(DoubleWordRegister register, string name, int index)
        {
            register
                .WithValueField(0, 8, name: "CHIDX")
                .WithReservedBits(8, 23)
                .WithFlag(31, name: "EN", writeCallback: (_, value) =>
                {
                    if(value && !dppiReported)
                    {
                        dppiReported = true;
                        this.Log(LogLevel.Info, "{0}[{1}] was connected, but DPPI is not modelled: the register has no effect (reported once)",
                            name, index);
                    }
                });
        }

        private void Receive(uint channels)
        {
            var events = 0u;
            for(var i = 0; i < ChannelCount; i++)
            {
                if(((uint)receiveConfiguration[i].Value & channels) != 0)
                {
                    events |= 1u << i;
                }
            }
            if(events != 0)
            {
                ReceivedSignals++;
                latched |= events;
                UpdateInterrupt();
            }
        }

        private void Enable(uint events)
        {
            enabled = events;
            UpdateInterrupt();
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((enabled & latched) != 0);
        }

        private uint latched;
        private uint enabled;
        private bool dppiReported;

        private readonly Backbone backbone;
        private readonly IValueRegisterField[] sendConfiguration = new IValueRegisterField[ChannelCount];
        private readonly IValueRegisterField[] receiveConfiguration = new IValueRegisterField[ChannelCount];

        private const int ChannelCount = 16;
        private const int DppiRegisterCount = 32;
        private const int GeneralPurposeMemoryCount = 2;

        // The instances that hear each other. It is also the lock of their state, because a task changes all of them,
        // and cores may run in parallel.
        private class Backbone
        {
            public readonly List<NRF_IPC> Instances = new List<NRF_IPC>();
        }

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksSend = 0x000, // TASKS_SEND[16]
            SubscribeSend = 0x080, // SUBSCRIBE_SEND[16]
            EventsReceive = 0x100, // EVENTS_RECEIVE[16]
            PublishReceive = 0x180, // PUBLISH_RECEIVE[16]
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            InterruptPending = 0x30C, // INTPEND
            SendConfiguration = 0x510, // SEND_CNF[16]
            ReceiveConfiguration = 0x590, // RECEIVE_CNF[16]
            GeneralPurposeMemory = 0x610, // GPMEM[2]
        }
    }
}
