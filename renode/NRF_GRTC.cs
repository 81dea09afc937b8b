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
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Timers
{
    // The GRTC of the nRF54 (nRF54L15 Datasheet, "GRTC"): a counter of microseconds, 52 bits, that all cores share. It counts
    // from power-up on, whether or not somebody has started it; TASKS_STOP stops it, which is what BUSY says.
    //
    // A channel that is enabled has its event when the counter has come to CC or is behind it already, and is disabled by
    // that; a write of CCL and a capture disable it, too, a write of CCH or CCADD enables it. Output n is high while an
    // event is latched that is enabled in group n. DPPI, PWM, clock outputs and the sleep of the counter are not modelled:
    // their registers are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_GRTC : BasicDoubleWordPeripheral, INumberedGPIOOutput, IKnownSize
    {
        public NRF_GRTC(IMachine machine, int channels = 12, int groups = 4) : base(machine)
        {
            if(channels < 1 || channels > MostOfThem || groups < 1 || groups > MostOfThem)
            {
                throw new ConstructionException(string.Format("channels and groups must be 1 to {0}", MostOfThem));
            }
            compare = new ulong[channels];
            isActive = new bool[channels];
            interrupts = new uint[groups];
            highWords = new ulong[groups];
            Connections = Enumerable.Range(0, groups).ToDictionary(group => group, _ => (IGPIO)new GPIO());
            alarm = new LimitTimer(machine.ClockSource, TicksPerSecond, this, "compare", workMode: WorkMode.OneShot, eventEnabled: true);
            alarm.LimitReached += CatchUp;
            DefineRegisters();
        }

        public override uint ReadDoubleWord(long offset)
        {
            CatchUp();
            lock(sync)
            {
                return base.ReadDoubleWord(offset);
            }
        }

        public override void WriteDoubleWord(long offset, uint value)
        {
            CatchUp();
            lock(sync)
            {
                base.WriteDoubleWord(offset, value);
            }
        }

        public override void Reset()
        {
            var ticks = GetTicks();
            lock(sync)
            {
                base.Reset();
                Array.Clear(compare, 0, compare.Length);
                Array.Clear(isActive, 0, isActive.Length);
                Array.Clear(interrupts, 0, interrupts.Length);
                Array.Clear(highWords, 0, highWords.Length);
                latched = 0;
                now = ticks;
                isRunning = true;
                CountFrom(0);
                UpdateInterrupts();
            }
        }

        public bool IsOutputSet(int number)
        {
            return Connections[number].IsSet;
        }

        public IReadOnlyDictionary<int, IGPIO> Connections { get; }

        public long Size => 0x1000;

        private void DefineRegisters()
        {
            var channels = (uint)compare.Length;
            var groups = (uint)interrupts.Length;
            Registers.TasksCapture.DefineMany(this, channels, (register, channel) => AddTask(register, () => Set(channel, Counter, false)));
            AddTask(Registers.TasksStart.Define(this), Start);
            AddTask(Registers.TasksStop.Define(this), Stop);
            AddTask(Registers.TasksClear.Define(this), () => CountFrom(0));
            AddTask(Registers.TasksPwmStart.Define(this), () => { });
            AddTask(Registers.TasksPwmStop.Define(this), () => { });

            foreach(var block in new[] { Registers.Subscribe, Registers.Publish })
            {
                block.DefineMany(this, DppiRegisterCount, (register, _) => register.WithValueField(0, 32, name: "DPPI"));
            }

            Registers.EventsCompare.DefineMany(this, channels, (register, channel) => register
                .WithFlag(0, name: "GENERATED",
                    valueProviderCallback: _ => (latched & (1u << channel)) != 0,
                    writeCallback: (_, value) =>
                    {
                        latched = value ? latched | (1u << channel) : latched & ~(1u << channel);
                        UpdateInterrupts();
                    })
                .WithReservedBits(1, 31)
            );

            DefineEnable(Registers.InterruptEnable, (before, value) => value);
            DefineEnable(Registers.InterruptEnableSet, (before, value) => before | value);
            DefineEnable(Registers.InterruptEnableClear, (before, value) => before & ~value);
            Registers.InterruptPending.DefineMany(this, groups, (register, group) => register
                .WithValueField(0, 32, FieldMode.Read, name: "PENDING", valueProviderCallback: _ => interrupts[group] & latched),
                stepInBytes: Step);

            Registers.CompareLow.DefineMany(this, channels, (register, channel) => register
                .WithValueField(0, 32, name: "CCL",
                    valueProviderCallback: _ => compare[channel] & LowMask,
                    writeCallback: (_, value) => Set(channel, (compare[channel] & ~LowMask) | value, false)),
                stepInBytes: Step);
            Registers.CompareHigh.DefineMany(this, channels, (register, channel) => register
                .WithValueField(0, 20, name: "CCH",
                    valueProviderCallback: _ => compare[channel] >> 32,
                    writeCallback: (_, value) => Set(channel, (compare[channel] & LowMask) | value << 32, true))
                .WithReservedBits(20, 12),
                stepInBytes: Step);
            Registers.CompareAdd.DefineMany(this, channels, (register, channel) => register
                .WithValueField(0, 32, FieldMode.Write, name: "VALUE, REFERENCE",
                    writeCallback: (_, value) =>
                    {
                        var reference = (value & ReferenceMask) != 0 ? compare[channel] : Counter;
                        Set(channel, reference + (value & ~ReferenceMask), true);
                    }),
                stepInBytes: Step);
            Registers.CompareEnable.DefineMany(this, channels, (register, channel) => register
                .WithFlag(0, name: "ACTIVE",
                    valueProviderCallback: _ => isActive[channel],
                    writeCallback: (_, value) => Set(channel, compare[channel], value))
                .WithReservedBits(1, 31),
                stepInBytes: Step);

            Registers.CounterLow.DefineMany(this, groups, (register, group) => register
                .WithValueField(0, 32, FieldMode.Read, name: "VALUE",
                    valueProviderCallback: _ =>
                    {
                        highWords[group] = Counter >> 32;
                        return Counter & LowMask;
                    }),
                stepInBytes: Step);
            Registers.CounterHigh.DefineMany(this, groups, (register, group) => register
                .WithValueField(0, 20, FieldMode.Read, name: "VALUE", valueProviderCallback: _ => Counter >> 32)
                .WithReservedBits(20, 10)
                .WithFlag(30, FieldMode.Read, name: "BUSY", valueProviderCallback: _ => !isRunning)
                .WithFlag(31, FieldMode.Read, name: "OVERFLOW", valueProviderCallback: _ => highWords[group] != Counter >> 32),
                stepInBytes: Step);

            Registers.Interval.Define(this)
                .WithValueField(0, 16, out interval, name: "VALUE", writeCallback: (_, __) => SetAlarm())
                .WithReservedBits(16, 16);

            foreach(var stored in new[]
                {
                    Registers.EventsCompareSync, Registers.EventsPwmPeriodEnd, Registers.EventsPwmReady, Registers.EventsClockOutReady,
                    Registers.Shortcuts, Registers.Mode, Registers.Timeout, Registers.PwmConfiguration, Registers.ClockOutput
                })
            {
                stored.Define(this).WithValueField(0, 32, name: "STORED");
            }
            Registers.WakeTime.Define(this, 0x1).WithValueField(0, 32, name: "STORED");
            Registers.ClockConfiguration.Define(this, 0x10001).WithValueField(0, 32, name: "STORED");
            Registers.Active.DefineMany(this, groups, (register, _) => register.WithValueField(0, 32, name: "STORED"), stepInBytes: Step);

            IValueRegisterField eventEnable;
            Registers.EventEnable.Define(this)
                .WithValueField(0, 32, out eventEnable, name: "STORED");
            Registers.EventEnableSet.Define(this)
                .WithValueField(0, 32, name: "STORED",
                    valueProviderCallback: _ => eventEnable.Value,
                    writeCallback: (_, value) => eventEnable.Value |= value);
            Registers.EventEnableClear.Define(this)
                .WithValueField(0, 32, name: "STORED",
                    valueProviderCallback: _ => eventEnable.Value,
                    writeCallback: (_, value) => eventEnable.Value &= ~value);

            Registers.TimerStatus.Define(this, 0x1).WithValueField(0, 32, FieldMode.Read, name: "READY", valueProviderCallback: _ => 1);
            Registers.PwmStatus.Define(this, 0x1).WithValueField(0, 32, FieldMode.Read, name: "READY", valueProviderCallback: _ => 1);
            Registers.ClockStatus.Define(this, 0x1).WithValueField(0, 32, FieldMode.Read, name: "READY", valueProviderCallback: _ => 1);
        }

        private void DefineEnable(Registers first, Func<uint, uint, uint> change)
        {
            first.DefineMany(this, (uint)interrupts.Length, (register, group) => register
                .WithValueField(0, 32, name: "ENABLED",
                    valueProviderCallback: _ => interrupts[group],
                    writeCallback: (_, value) =>
                    {
                        interrupts[group] = change(interrupts[group], (uint)value);
                        UpdateInterrupts();
                    }),
                stepInBytes: Step);
        }

        private static void AddTask(DoubleWordRegister register, Action action)
        {
            register
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        action();
                    }
                })
                .WithReservedBits(1, 31);
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
            isRunning = false;
            SetAlarm();
        }

        private void CountFrom(ulong value)
        {
            first = value;
            started = now;
            SetAlarm();
        }

        private void Set(int channel, ulong value, bool active)
        {
            compare[channel] = value & CounterMask;
            isActive[channel] = active;
            Happen();
        }

        // Lets everything happen that has happened up to now, as the core sees it that asks: it may be ahead of the clock.
        private void CatchUp()
        {
            var ticks = GetTicks();
            lock(sync)
            {
                now = Math.Max(now, ticks);
                Happen();
            }
        }

        private void Happen()
        {
            var counter = Counter;
            for(var channel = 0; channel < compare.Length; channel++)
            {
                if(!isActive[channel] || compare[channel] > counter)
                {
                    continue;
                }
                latched |= 1u << channel;
                if(channel == 0 && interval.Value != 0)
                {
                    // Behind the present: those that were missed are one event.
                    compare[0] = (compare[0] + ((counter - compare[0]) / interval.Value + 1) * interval.Value) & CounterMask;
                }
                else
                {
                    isActive[channel] = false;
                }
            }
            UpdateInterrupts();
            SetAlarm();
        }

        private void SetAlarm()
        {
            var wanted = Never;
            for(var channel = 0; isRunning && channel < compare.Length; channel++)
            {
                if(isActive[channel])
                {
                    var ahead = compare[channel] > first ? compare[channel] - first : 0;
                    wanted = Math.Min(wanted, started + Math.Min(ahead, LongestAhead) * TicksPerCount);
                }
            }
            if(wanted == armed && alarm.Enabled)
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

        private ulong GetTicks()
        {
            var passed = machine.ClockSource.CurrentValue;
            ICPU cpu;
            if(machine.SystemBus.TryGetCurrentCPU(out cpu) && cpu.OnPossessedThread)
            {
                cpu.SyncTime();
                passed = machine.ClockSource.CurrentValue + (cpu.TimeHandle.TotalElapsedTime - machine.ElapsedVirtualTime.TimeElapsed);
            }
            return passed.Ticks;
        }

        private void UpdateInterrupts()
        {
            for(var group = 0; group < interrupts.Length; group++)
            {
                Connections[group].Set((interrupts[group] & latched) != 0);
            }
        }

        private ulong Counter => (first + (isRunning ? (now - started) / TicksPerCount : 0)) & CounterMask;

        private bool isRunning = true;
        private ulong first; // what the counter was at `started`
        private ulong started;
        private ulong now;
        private ulong armed = Never;
        private uint latched;
        private IValueRegisterField interval;

        private readonly ulong[] compare;
        private readonly bool[] isActive;
        private readonly uint[] interrupts;
        private readonly ulong[] highWords; // at each group's last read of the low one
        private readonly LimitTimer alarm;
        private readonly object sync = new object();

        private const int MostOfThem = 16;
        private const uint DppiRegisterCount = 32;
        private const uint Step = 0x10;
        private const ulong TicksPerCount = TimeInterval.TicksPerMicrosecond;
        private const long TicksPerSecond = 1000000 * (long)TimeInterval.TicksPerMicrosecond;
        private const ulong CounterMask = (1UL << 52) - 1;
        private const ulong LowMask = 0xFFFFFFFF;
        private const ulong ReferenceMask = 1UL << 31;
        private const ulong LongestAhead = 1UL << 50;
        private const ulong Never = ulong.MaxValue;

        // The names in the comments are those of the datasheet.
        private enum Registers : long
        {
            TasksCapture = 0x000, // TASKS_CAPTURE[12]
            TasksStart = 0x060, // TASKS_START
            TasksStop = 0x064, // TASKS_STOP
            TasksClear = 0x068, // TASKS_CLEAR
            TasksPwmStart = 0x06C, // TASKS_PWMSTART
            TasksPwmStop = 0x070, // TASKS_PWMSTOP
            Subscribe = 0x080, // SUBSCRIBE_CAPTURE
            EventsCompare = 0x100, // EVENTS_COMPARE[12]
            EventsCompareSync = 0x164, // EVENTS_RTCOMPARESYNC
            EventsPwmPeriodEnd = 0x16C, // EVENTS_PWMPERIODEND
            EventsPwmReady = 0x174, // EVENTS_PWMREADY
            EventsClockOutReady = 0x178, // EVENTS_CLKOUTREADY
            Publish = 0x180, // PUBLISH_COMPARE
            Shortcuts = 0x200, // SHORTS
            InterruptEnable = 0x300, // INTEN[4]
            InterruptEnableSet = 0x304, // INTENSET[4]
            InterruptEnableClear = 0x308, // INTENCLR[4]
            InterruptPending = 0x30C, // INTPEND[4]
            EventEnable = 0x400, // EVTEN
            EventEnableSet = 0x404, // EVTENSET
            EventEnableClear = 0x408, // EVTENCLR
            Mode = 0x510, // MODE
            CompareLow = 0x520, // CCL[12]
            CompareHigh = 0x524, // CCH[12]
            CompareAdd = 0x528, // CCADD[12]
            CompareEnable = 0x52C, // CCEN[12]
            Timeout = 0x6A4, // TIMEOUT
            Interval = 0x6A8, // INTERVAL
            WakeTime = 0x6AC, // WAKETIME
            TimerStatus = 0x6B0, // STATUS_LFTIMER
            PwmStatus = 0x6B4, // STATUS_PWM
            ClockStatus = 0x6B8, // STATUS_CLKOUT
            PwmConfiguration = 0x710, // PWMCONFIG
            ClockOutput = 0x714, // CLKOUT
            ClockConfiguration = 0x718, // CLKCFG
            CounterLow = 0x720, // SYSCOUNTERL[4]
            CounterHigh = 0x724, // SYSCOUNTERH[4]
            Active = 0x728, // ACTIVE[4]
        }
    }
}
