//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Timers
{
    // The RTC of the nRF5340 (Product Specification, "RTC"): a counter of 24 bits that goes on at 0 after its last value,
    // where the counter of Renode's NRF52840_RTC stands still. An event happens, as on the SoC, only while it is enabled
    // in INTEN or EVTEN, and COMPARE when the counter comes to CC, not while it is there already. Tasks take effect at
    // once, where the SoC takes up to one and a half cycles, so that CC = COUNTER + 1 always matches. It counts whether
    // LFCLK runs or not. DPPI is not modelled, so SUBSCRIBE and PUBLISH have no effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_RTC : BasicDoubleWordPeripheral, IKnownSize
    {
        public NRF_RTC(IMachine machine) : base(machine)
        {
            IRQ = new GPIO();
            alarm = new LimitTimer(machine.ClockSource, (ulong)TicksPerSecond, this, "event", workMode: WorkMode.OneShot, eventEnabled: true);
            alarm.LimitReached += Expire;
            DefineRegisters();
            CancelEvents();
        }

        public override uint ReadDoubleWord(long offset)
        {
            CatchUp();
            return base.ReadDoubleWord(offset);
        }

        public override void WriteDoubleWord(long offset, uint value)
        {
            CatchUp();
            base.WriteDoubleWord(offset, value);
        }

        public override void Reset()
        {
            base.Reset();
            isRunning = false;
            first = 0;
            period = 1;
            latched = 0;
            interrupts = 0;
            events = 0;
            Array.Clear(compare, 0, compare.Length);
            CancelEvents();
            SetAlarm();
            UpdateInterrupt();
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        private static uint GetCompareMask(int index)
        {
            return 1u << (FirstCompare + index);
        }

        // Cycles of LFCLK in so many ticks, and ticks up to the end of so many cycles. Neither overflows.
        private static ulong ToCycles(ulong ticks)
        {
            return ticks / TicksPerSecond * Frequency + ticks % TicksPerSecond * Frequency / TicksPerSecond;
        }

        private static ulong ToTicks(ulong cycles)
        {
            return cycles / Frequency * TicksPerSecond + (cycles % Frequency * TicksPerSecond + Frequency - 1) / Frequency;
        }

        private void DefineRegisters()
        {
            DefineTask(Registers.TasksStart, Start);
            DefineTask(Registers.TasksStop, Stop);
            DefineTask(Registers.TasksClear, () => CountFrom(0));
            DefineTask(Registers.TasksTriggerOverflow, () => CountFrom(OverflowStart));
            Registers.TasksCapture.DefineMany(this, CompareCount, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        SetCompare(index, Counter);
                    }
                })
                .WithReservedBits(1, 31)
            );

            foreach(var block in new[] { Registers.Subscribe, Registers.Publish })
            {
                block.DefineMany(this, DppiRegisterCount, (register, _) => register.WithValueField(0, 32, name: "DPPI"));
            }

            DefineEvent(Registers.EventsTick, TickMask);
            DefineEvent(Registers.EventsOverflow, OverflowMask);
            Registers.EventsCompare.DefineMany(this, CompareCount, (register, index) => AddEvent(register, GetCompareMask(index)));

            DefineEnable(Registers.InterruptEnable, () => interrupts, value => interrupts = value);
            DefineEnable(Registers.InterruptEnableSet, () => interrupts, value => interrupts |= value);
            DefineEnable(Registers.InterruptEnableClear, () => interrupts, value => interrupts &= ~value);
            DefineEnable(Registers.EventEnable, () => events, value => events = value);
            DefineEnable(Registers.EventEnableSet, () => events, value => events |= value);
            DefineEnable(Registers.EventEnableClear, () => events, value => events &= ~value);

            Registers.Counter.Define(this)
                .WithValueField(0, 24, FieldMode.Read, name: "COUNTER", valueProviderCallback: _ => Counter)
                .WithReservedBits(24, 8);

            // Taken over by START, CLEAR and TRIGOVRFLW.
            Registers.Prescaler.Define(this)
                .WithValueField(0, 12, out prescaler, name: "PRESCALER")
                .WithReservedBits(12, 20);

            Registers.CaptureCompare.DefineMany(this, CompareCount, (register, index) => register
                .WithValueField(0, 24, name: "COMPARE", valueProviderCallback: _ => compare[index],
                    writeCallback: (_, value) => SetCompare(index, (uint)value))
                .WithReservedBits(24, 8)
            );
        }

        private void DefineTask(Registers offset, Action action)
        {
            offset.Define(this)
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        action();
                    }
                })
                .WithReservedBits(1, 31);
        }

        private void DefineEvent(Registers offset, uint mask)
        {
            AddEvent(offset.Define(this), mask);
        }

        private void AddEvent(DoubleWordRegister register, uint mask)
        {
            register
                .WithFlag(0, name: "GENERATED",
                    valueProviderCallback: _ => (latched & mask) != 0,
                    writeCallback: (_, value) =>
                    {
                        latched = value ? latched | mask : latched & ~mask;
                        UpdateInterrupt();
                    })
                .WithReservedBits(1, 31);
        }

        private void DefineEnable(Registers offset, Func<uint> read, Action<uint> write)
        {
            offset.Define(this)
                .WithValueField(0, 32, name: "ENABLED",
                    valueProviderCallback: _ => read(),
                    writeCallback: (_, value) =>
                    {
                        var before = interrupts | events;
                        write((uint)value & allEvents);
                        Plan((interrupts | events) ^ before);
                        UpdateInterrupt();
                    });
        }

        private void Start()
        {
            if(!isRunning)
            {
                isRunning = true;
                CountFrom(first);
            }
        }

        private void Stop()
        {
            first = Counter;
            counted = 0;
            isRunning = false;
            Plan(allEvents);
        }

        private void CountFrom(uint value)
        {
            first = value;
            started = now;
            period = prescaler.Value + 1;
            counted = 0;
            Plan(allEvents);
        }

        private void SetCompare(int index, uint value)
        {
            compare[index] = value;
            Plan(GetCompareMask(index));
        }

        // Finds out when these events come the next time.
        private void Plan(uint changed)
        {
            for(var index = 0; index < due.Length; index++)
            {
                if((changed & 1u << index) != 0)
                {
                    PlanOne(index);
                }
            }
            SetAlarm();
        }

        private void PlanOne(int index)
        {
            if(!isRunning || ((interrupts | events) & 1u << index) == 0)
            {
                due[index] = Never;
            }
            else if(1u << index == TickMask)
            {
                due[index] = counted + 1;
            }
            else
            {
                var target = 1u << index == OverflowMask ? 0 : compare[index - FirstCompare];
                var ahead = (target - first - counted) & CounterMask;
                due[index] = counted + (ahead == 0 ? CounterMask + 1 : ahead);
            }
        }

        // Lets everything happen that has happened up to now, as the core sees it that asks: it may be ahead of the clock.
        private void CatchUp()
        {
            now = GetNow();
            CountUpTo(isRunning ? ToCycles(now - started) / period : 0);
            SetAlarm();
        }

        private void Expire()
        {
            armed = Never;
            CountUpTo(NextDue);
            SetAlarm();
        }

        private void CountUpTo(ulong count)
        {
            for(var next = NextDue; next <= count && next != Never; next = NextDue)
            {
                counted = next;
                for(var index = 0; index < due.Length; index++)
                {
                    if(due[index] == next)
                    {
                        latched |= 1u << index;
                        PlanOne(index);
                    }
                }
                UpdateInterrupt();
            }
            if(count != Never)
            {
                counted = Math.Max(counted, count);
            }
        }

        private void SetAlarm()
        {
            var next = NextDue;
            var wanted = next == Never ? Never : started + ToTicks(next * period);
            if(wanted == armed)
            {
                return;
            }
            armed = wanted;
            alarm.Enabled = false;
            if(wanted != Never)
            {
                var passed = machine.ClockSource.CurrentValue.Ticks;
                alarm.Limit = wanted > passed ? wanted - passed : 1;
                alarm.ResetValue();
                alarm.Enabled = true;
            }
        }

        private void CancelEvents()
        {
            counted = 0;
            for(var index = 0; index < due.Length; index++)
            {
                due[index] = Never;
            }
        }

        private ulong GetNow()
        {
            var passed = machine.ClockSource.CurrentValue;
            if(machine.SystemBus.TryGetCurrentCPU(out var cpu) && cpu.OnPossessedThread)
            {
                cpu.SyncTime();
                passed = machine.ClockSource.CurrentValue + (cpu.TimeHandle.TotalElapsedTime - machine.ElapsedVirtualTime.TimeElapsed);
            }
            return passed.Ticks;
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((interrupts & latched) != 0);
        }

        private uint Counter => (uint)((first + counted) & CounterMask);

        private ulong NextDue
        {
            get
            {
                var next = Never;
                foreach(var one in due)
                {
                    next = Math.Min(next, one);
                }
                return next;
            }
        }

        // The counter is what it was first and what it has counted since, a number that never wraps.
        private bool isRunning;
        private uint first;
        private ulong counted;
        private ulong started;
        private ulong now;
        private ulong period = 1;
        private ulong armed = Never;
        private uint latched;
        private uint interrupts;
        private uint events;
        private IValueRegisterField prescaler;

        private readonly uint[] compare = new uint[CompareCount];
        private readonly ulong[] due = new ulong[FirstCompare + CompareCount];
        private readonly LimitTimer alarm;

        private static readonly uint allEvents = TickMask | OverflowMask | ((1u << CompareCount) - 1) << FirstCompare;

        private const int CompareCount = 4;
        private const int DppiRegisterCount = 32;
        private const int FirstCompare = 16;
        private const ulong CounterMask = 0xFFFFFF;
        private const uint OverflowStart = 0xFFFFF0;
        private const uint TickMask = 0x1;
        private const uint OverflowMask = 0x2;
        private const ulong Frequency = 32768;
        private const ulong TicksPerSecond = TimeInterval.TicksPerMicrosecond * 1000000;
        private const ulong Never = ulong.MaxValue;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksStart = 0x000, // TASKS_START
            TasksStop = 0x004, // TASKS_STOP
            TasksClear = 0x008, // TASKS_CLEAR
            TasksTriggerOverflow = 0x00C, // TASKS_TRIGOVRFLW
            TasksCapture = 0x040, // TASKS_CAPTURE[4]
            Subscribe = 0x080, // SUBSCRIBE_START
            EventsTick = 0x100, // EVENTS_TICK
            EventsOverflow = 0x104, // EVENTS_OVRFLW
            EventsCompare = 0x140, // EVENTS_COMPARE[4]
            Publish = 0x180, // PUBLISH_TICK
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            EventEnable = 0x340, // EVTEN
            EventEnableSet = 0x344, // EVTENSET
            EventEnableClear = 0x348, // EVTENCLR
            Counter = 0x504, // COUNTER
            Prescaler = 0x508, // PRESCALER
            CaptureCompare = 0x540, // CC[4]
        }
    }
}
