//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // The IPC peripheral of the nRF5340 (Product Specification, "IPC"), one instance for each core. Instances that are
    // joined by the constructor argument `peer` share a backbone of 16 channels: a task signals the channels of its
    // SEND_CNF, and in every instance, the sending one included, each event whose RECEIVE_CNF has a signalled channel
    // is latched. The interrupt is a level: it is high as long as a latched event is enabled.
    //
    // DPPI is not modelled: SUBSCRIBE_SEND and PUBLISH_RECEIVE are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_IPC : BasicDoubleWordPeripheral, IDoorbell, IKnownSize
    {
        public NRF_IPC(IMachine machine, NRF_IPC peer = null) : base(machine)
        {
            if(peer != null && peer.machine != machine)
            {
                throw new ConstructionException("The peer of an NRF_IPC must belong to the same machine");
            }
            backbone = peer == null ? new Backbone() : peer.backbone;
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

        public override uint ReadDoubleWord(long offset)
        {
            lock(backbone)
            {
                return base.ReadDoubleWord(offset);
            }
        }

        public override void WriteDoubleWord(long offset, uint value)
        {
            var taskTriggered = TaskTriggered;
            if(taskTriggered != null && offset < (long)Registers.TasksSend + 4 * ChannelCount && (value & 1) != 0)
            {
                taskTriggered(this, (int)(offset - (long)Registers.TasksSend) / 4);
            }

            Delivery[] later;
            lock(backbone)
            {
                base.WriteDoubleWord(offset, value);
                if(deliveries.Count == 0)
                {
                    return;
                }
                later = deliveries.ToArray();
                deliveries.Clear();
            }
            // Not with the backbone locked: scheduling takes the lock of the clock source, which a due delivery holds.
            foreach(var delivery in later)
            {
                Schedule(delivery);
            }
        }

        // Signals these channels of the backbone although no task was triggered: a spurious doorbell. It is neither
        // counted as sent nor subject to the other faults.
        public void Signal(uint channels)
        {
            CheckChannels(channels);
            lock(backbone)
            {
                Broadcast(channels);
            }
        }

        public void ClearFaults()
        {
            lock(backbone)
            {
                DropNext = 0;
                dropMask = 0;
                DuplicateNext = 0;
                signalDelay = 0;
                duplicateDelay = DefaultDuplicateDelay;
            }
        }

        public void ClearCounters()
        {
            lock(backbone)
            {
                SentSignals = 0;
                ReceivedSignals = 0;
                DroppedSignals = 0;
                DuplicatedSignals = 0;
            }
        }

        public string GetStatus()
        {
            lock(backbone)
            {
                var status = string.Format("INTEN=0x{0:X4} EVENTS=0x{1:X4} IRQ={2} sent={3} received={4} dropped={5} duplicated={6}",
                    enabled, latched, IRQ.IsSet ? 1 : 0, SentSignals, ReceivedSignals, DroppedSignals, DuplicatedSignals);
                return string.Concat(status, DescribeFaults());
            }
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        // One bit for each channel.
        public uint LatchedEvents => latched;

        public uint EnabledInterrupts => enabled;

        // Faults, for the signals that this instance sends. They are no part of the hardware and survive a reset.

        // So many signals from now on are lost.
        public uint DropNext { get; set; }

        // Signals on these channels are lost, one bit for each channel.
        public uint DropMask
        {
            get
            {
                return dropMask;
            }

            set
            {
                CheckChannels(value);
                dropMask = value;
            }
        }

        // So many signals from now on arrive twice, the second time DuplicateDelayMicroseconds after the first.
        public uint DuplicateNext { get; set; }

        public ulong DuplicateDelayMicroseconds
        {
            get
            {
                return duplicateDelay;
            }

            set
            {
                if(value == 0)
                {
                    throw new RecoverableException("A duplicate at the same time is the same event: the delay must be at least 1");
                }
                CheckDelay(value);
                duplicateDelay = value;
            }
        }

        // The time from the task to the events; 0, as on the hardware nearly, is at once.
        public ulong SignalDelayMicroseconds
        {
            get
            {
                return signalDelay;
            }

            set
            {
                CheckDelay(value);
                signalDelay = value;
            }
        }

        // Tasks triggered in this instance.
        public ulong SentSignals { get; private set; }

        // Signals, of any instance, that latched an event in this one.
        public ulong ReceivedSignals { get; private set; }

        // Tasks of which a channel was lost to a fault.
        public ulong DroppedSignals { get; private set; }

        public ulong DuplicatedSignals { get; private set; }

        // A task is about to be triggered: the instance and the number of the task. Raised on the thread that makes the
        // access, which can be that of a core: a handler must neither wait nor throw.
        public event Action<IDoorbell, int> TaskTriggered;

        private static void CheckChannels(uint channels)
        {
            if(channels > AllChannels)
            {
                throw new RecoverableException(string.Format("There are {0} channels, so the mask 0x{1:X} must not exceed 0x{2:X}",
                    ChannelCount, channels, AllChannels));
            }
        }

        private static void CheckDelay(ulong microseconds)
        {
            if(microseconds > MaximumDelay)
            {
                throw new RecoverableException(string.Format("A delay of {0} microseconds is too long; {1} is the maximum",
                    microseconds, MaximumDelay));
            }
        }

        private void DefineRegisters()
        {
            Registers.TasksSend.DefineMany(this, ChannelCount, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER",
                    writeCallback: (_, value) =>
                    {
                        if(value)
                        {
                            Send(index);
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

        private void Send(int index)
        {
            SentSignals++;

            var configured = (uint)sendConfiguration[index].Value;
            var channels = Drop(configured);
            if(channels != configured)
            {
                DroppedSignals++;
                this.Log(LogLevel.Info, "TASKS_SEND[{0}]: channels 0x{1:X} are lost, as asked for", index, configured & ~channels);
            }
            if(channels == 0)
            {
                return;
            }
            Deliver(channels, signalDelay);
            if(DuplicateNext > 0)
            {
                DuplicateNext--;
                DuplicatedSignals++;
                Deliver(channels, signalDelay + duplicateDelay);
            }
        }

        private uint Drop(uint channels)
        {
            if(DropNext > 0 && channels != 0)
            {
                DropNext--;
                return 0;
            }
            return channels & ~dropMask;
        }

        private void Deliver(uint channels, ulong microseconds)
        {
            if(microseconds == 0)
            {
                Broadcast(channels);
            }
            else
            {
                deliveries.Add(new Delivery(channels, microseconds));
            }
        }

        private void Schedule(Delivery delivery)
        {
            machine.ScheduleAction(TimeInterval.FromMicroseconds(delivery.Microseconds), _ => Signal(delivery.Channels), "IPC signal");
        }

        private void Broadcast(uint channels)
        {
            this.NoisyLog("Signal on channels 0x{0:X}", channels);
            foreach(var instance in backbone.Instances)
            {
                instance.Receive(channels);
            }
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

        private string DescribeFaults()
        {
            var faults = new List<string>();
            if(DropNext > 0)
            {
                faults.Add(string.Format("drop the next {0}", DropNext));
            }
            if(dropMask != 0)
            {
                faults.Add(string.Format("drop channels 0x{0:X}", dropMask));
            }
            if(signalDelay > 0)
            {
                faults.Add(string.Format("delay by {0} us", signalDelay));
            }
            if(DuplicateNext > 0)
            {
                faults.Add(string.Format("duplicate the next {0} after {1} us", DuplicateNext, duplicateDelay));
            }
            return faults.Count == 0 ? string.Empty : string.Format(" faults: {0}", string.Join(", ", faults));
        }

        private uint latched;
        private uint enabled;
        private uint dropMask;
        private ulong signalDelay;
        private ulong duplicateDelay = DefaultDuplicateDelay;
        private bool dppiReported;

        private readonly Backbone backbone;
        private readonly List<Delivery> deliveries = new List<Delivery>();
        private readonly IValueRegisterField[] sendConfiguration = new IValueRegisterField[ChannelCount];
        private readonly IValueRegisterField[] receiveConfiguration = new IValueRegisterField[ChannelCount];

        private const int ChannelCount = 16;
        private const uint AllChannels = (1u << ChannelCount) - 1;
        private const int DppiRegisterCount = 32;
        private const int GeneralPurposeMemoryCount = 2;
        private const ulong DefaultDuplicateDelay = 100;
        private const ulong MaximumDelay = 3600000000; // one hour

        // The instances that hear each other. It is also the lock of their state, because a task changes all of them,
        // and cores may run in parallel.
        private class Backbone
        {
            public readonly List<NRF_IPC> Instances = new List<NRF_IPC>();
        }

        private struct Delivery
        {
            public Delivery(uint channels, ulong microseconds)
            {
                Channels = channels;
                Microseconds = microseconds;
            }

            public readonly uint Channels;
            public readonly ulong Microseconds;
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
