//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // What the mailboxes have in common beside their registers: faults for the signals that a core sends with its
    // mailbox, counters, and the event by which others learn who rings.
    public abstract class SignallingMailbox : BasicDoubleWordPeripheral, IDoorbell
    {
        // Mailboxes that hear each other share `sync`: cores may run in parallel, and a ring changes the state of both.
        protected SignallingMailbox(IMachine machine, int channelCount, object sync) : base(machine)
        {
            this.channelCount = channelCount;
            this.sync = sync;
        }

        public override uint ReadDoubleWord(long offset)
        {
            lock(sync)
            {
                return base.ReadDoubleWord(offset);
            }
        }

        public override void WriteDoubleWord(long offset, uint value)
        {
            var sender = Sender;
            var taskTriggered = sender.TaskTriggered;
            if(taskTriggered != null)
            {
                var rung = GetRung(offset, value);
                for(var i = 0; rung != 0; i++, rung >>= 1)
                {
                    if((rung & 1) != 0)
                    {
                        taskTriggered(sender, i);
                    }
                }
            }

            Delivery[] later;
            lock(sync)
            {
                base.WriteDoubleWord(offset, value);
                if(sender.deliveries.Count == 0)
                {
                    return;
                }
                later = sender.deliveries.ToArray();
                sender.deliveries.Clear();
            }
            // Not while it is locked: scheduling takes the lock of the clock source, which a due delivery holds.
            foreach(var delivery in later)
            {
                var channels = delivery.Channels;
                machine.ScheduleAction(TimeInterval.FromMicroseconds(delivery.Microseconds), _ => sender.DeliverLate(channels), "mailbox signal");
            }
        }

        // Signals these channels although no core has rung: a spurious doorbell. It is neither counted as sent nor
        // subject to the other faults.
        public void Signal(uint channels)
        {
            CheckChannels(channels);
            lock(sync)
            {
                channels = Spread(channels);
                if(channels != 0)
                {
                    Deliver(channels);
                }
            }
        }

        public void ClearFaults()
        {
            lock(sync)
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
            lock(sync)
            {
                SentSignals = 0;
                ReceivedSignals = 0;
                DroppedSignals = 0;
                DuplicatedSignals = 0;
            }
        }

        public string GetStatus()
        {
            lock(sync)
            {
                return string.Format("{0} sent={1} received={2} dropped={3} duplicated={4}{5}",
                    DescribeRegisters(), SentSignals, ReceivedSignals, DroppedSignals, DuplicatedSignals, DescribeFaults());
            }
        }

        // One bit for each channel.
        public abstract uint LatchedEvents { get; }

        // Faults, for the signals that this mailbox sends. They are no part of the hardware and survive a reset.

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

        // Tasks triggered in this mailbox.
        public ulong SentSignals { get; private set; }

        // Signals that latched an event in this mailbox.
        public ulong ReceivedSignals { get; protected set; }

        // Tasks of which a channel was lost to a fault.
        public ulong DroppedSignals { get; private set; }

        public ulong DuplicatedSignals { get; private set; }

        // A task is about to be triggered: the mailbox and the number of the task. Raised on the thread that makes the
        // access, which can be that of a core: a handler must neither wait nor throw.
        public event Action<IDoorbell, int> TaskTriggered;

        // The channels that this write rings, one bit each.
        protected abstract uint GetRung(long offset, uint value);

        // Lets a signal on these channels arrive, with `sync` locked.
        protected abstract void Deliver(uint channels);

        // Returns which of these channels a spurious signal has, with `sync` locked.
        protected virtual uint Spread(uint channels)
        {
            return channels;
        }

        protected abstract string DescribeRegisters();

        // What the manual calls the register that rings.
        protected abstract string TaskName { get; }

        // The mailbox of the core that rings in this one.
        protected virtual SignallingMailbox Sender => this;

        // Sends what the task of this number signals.
        protected void Send(int task, uint configured)
        {
            SentSignals++;

            var channels = Drop(configured);
            if(channels != configured)
            {
                DroppedSignals++;
                this.Log(LogLevel.Info, "{0}[{1}]: channels 0x{2:X} are lost, as asked for", TaskName, task, configured & ~channels);
            }
            if(channels == 0)
            {
                return;
            }
            DeliverAfter(channels, signalDelay);
            if(DuplicateNext > 0)
            {
                DuplicateNext--;
                DuplicatedSignals++;
                DeliverAfter(channels, signalDelay + duplicateDelay);
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

        private void CheckChannels(uint channels)
        {
            var allChannels = (uint)((1UL << channelCount) - 1);
            if(channels > allChannels)
            {
                throw new RecoverableException(string.Format("There are {0} channels, so the mask 0x{1:X} must not exceed 0x{2:X}",
                    channelCount, channels, allChannels));
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

        private void DeliverAfter(uint channels, ulong microseconds)
        {
            if(microseconds == 0)
            {
                Deliver(channels);
            }
            else
            {
                deliveries.Add(new Delivery(channels, microseconds));
            }
        }

        private void DeliverLate(uint channels)
        {
            lock(sync)
            {
                Deliver(channels);
            }
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

        private uint dropMask;
        private ulong signalDelay;
        private ulong duplicateDelay = DefaultDuplicateDelay;

        protected readonly object sync;

        private readonly int channelCount;
        private readonly List<Delivery> deliveries = new List<Delivery>();

        private const ulong DefaultDuplicateDelay = 100;
        private const ulong MaximumDelay = 3600000000; // one hour

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
    }
}
