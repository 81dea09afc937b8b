//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Linq;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.IRQControllers;
using Antmicro.Renode.Peripherals.Timers;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // CLOCK and POWER of the nRF5340 (Product Specification, "CLOCK" and "POWER"), one instance for each core:
    // oscillators that say that they run a little after they were told to. Nothing depends on them; timers run at the
    // rates of the platform all the time. HFCLKCTRL divides the clock of the core clocked, by two after a reset, which is
    // the rate of the platform, or by one. DPPI is not modelled, so SUBSCRIBE and PUBLISH have no effect.
    //
    // Renode's NRF_CLOCK has the events of the nRF52840 and covers the page in which RESET lies, too.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF5340_CLOCK : BasicDoubleWordPeripheral, IKnownSize
    {
        public NRF5340_CLOCK(IMachine machine, ulong startMicroseconds = 10, CortexM clocked = null, NVIC clockedNvic = null) : base(machine)
        {
            if((clocked == null) != (clockedNvic == null))
            {
                throw new ConstructionException("clocked and clockedNvic go together: a core and its interrupt controller");
            }
            this.clocked = clocked;
            this.clockedNvic = clockedNvic;
            if(startMicroseconds == 0)
            {
                throw new ConstructionException("An oscillator needs at least 1 microsecond to start");
            }
            IRQ = new GPIO();
            highFrequency = new Oscillator(this, "HFCLK", Registers.EventsHighFrequencyStarted, startMicroseconds);
            lowFrequency = new Oscillator(this, "LFCLK", Registers.EventsLowFrequencyStarted, startMicroseconds);
            audio = new Oscillator(this, "HFCLKAUDIO", Registers.EventsAudioStarted, startMicroseconds);
            highFrequency192M = new Oscillator(this, "HFCLK192M", Registers.EventsHighFrequency192MStarted, startMicroseconds);
            calibration = new Oscillator(this, "calibration", Registers.EventsCalibrationDone, startMicroseconds);
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            foreach(var oscillator in new[] { highFrequency, lowFrequency, audio, highFrequency192M, calibration })
            {
                oscillator.Reset();
            }
            latched = 0;
            enabled = 0;
            UpdateInterrupt();
            SetSpeed(1);
        }

        // What follows in the page belongs to RESET.
        public long Size => 0x600;

        public GPIO IRQ { get; }

        // The interrupt of an event is the bit of its place among the events.
        private static uint GetInterruptMask(Registers started)
        {
            return 1u << (int)(started - Registers.EventsHighFrequencyStarted) / 4;
        }

        private void DefineRegisters()
        {
            DefineOscillator(highFrequency, Registers.TasksHighFrequencyStart, Registers.TasksHighFrequencyStop, Registers.HighFrequencyRun);
            DefineOscillator(lowFrequency, Registers.TasksLowFrequencyStart, Registers.TasksLowFrequencyStop, Registers.LowFrequencyRun);
            DefineOscillator(audio, Registers.TasksAudioStart, Registers.TasksAudioStop, Registers.AudioRun);
            DefineOscillator(highFrequency192M, Registers.TasksHighFrequency192MStart, Registers.TasksHighFrequency192MStop,
                Registers.HighFrequency192MRun);
            DefineTask(Registers.TasksCalibrate, () => calibration.Start());
            DefineTask(Registers.TasksConstantLatency, null);
            DefineTask(Registers.TasksLowPower, null);

            DefineSource(highFrequency, Registers.HighFrequencySource, 1, Registers.HighFrequencyStatus, Registers.HighFrequencyAlwaysRun);
            DefineSource(lowFrequency, Registers.LowFrequencySource, 2, Registers.LowFrequencyStatus, Registers.LowFrequencyAlwaysRun);
            DefineSource(highFrequency192M, Registers.HighFrequency192MSource, 1, Registers.HighFrequency192MStatus,
                Registers.HighFrequency192MAlwaysRun);
            DefineStatus(audio, Registers.AudioStatus, Registers.AudioAlwaysRun);

            Registers.LowFrequencySourceCopy.Define(this)
                .WithValueField(0, 2, FieldMode.Read, name: "SRC", valueProviderCallback: _ => lowFrequency.StartedSource)
                .WithReservedBits(2, 30);

            foreach(var offset in events)
            {
                DefineEvent(offset);
            }
            DefineInterrupts();

            foreach(var block in new[] { Registers.Subscribe, Registers.Publish })
            {
                block.DefineMany(this, DppiRegisterCount, (register, _) => register.WithValueField(0, 32, name: "DPPI"));
            }
            // The registers for general purposes keep their value over a reset of the core.
            Registers.GeneralPurposeRetention.DefineMany(this, 2, (register, _) => register
                .WithValueField(0, 8, name: "GPREGRET", softResettable: false)
                .WithReservedBits(8, 24)
            );
            Registers.HighFrequencyControl.Define(this, 0x1)
                .WithValueField(0, 32, name: "HCLK", writeCallback: (_, value) => SetSpeed((value & 1) != 0 ? 1u : 2u));
            Registers.AudioFrequency.Define(this, 0x9BAE).WithValueField(0, 16, name: "FREQUENCY").WithReservedBits(16, 16);
            Registers.HighFrequency192MControl.Define(this, 0x2).WithValueField(0, 32, name: "HCLK192M");
        }

        private void DefineTask(Registers offset, Action action)
        {
            offset.Define(this)
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        action?.Invoke();
                    }
                })
                .WithReservedBits(1, 31);
        }

        private void DefineOscillator(Oscillator oscillator, Registers start, Registers stop, Registers run)
        {
            DefineTask(start, oscillator.Start);
            DefineTask(stop, oscillator.Stop);
            run.Define(this)
                .WithFlag(0, FieldMode.Read, name: "STATUS", valueProviderCallback: _ => oscillator.IsTriggered)
                .WithReservedBits(1, 31);
        }

        private void DefineSource(Oscillator oscillator, Registers source, int width, Registers status, Registers alwaysRun)
        {
            source.Define(this, 0x1)
                .WithValueField(0, width, out oscillator.Source, name: "SRC")
                .WithReservedBits(width, 32 - width);
            DefineStatus(oscillator, status, alwaysRun);
        }

        private void DefineStatus(Oscillator oscillator, Registers status, Registers alwaysRun)
        {
            alwaysRun.Define(this)
                .WithFlag(0, out var isAlwaysRunning, name: "ALWAYSRUN")
                .WithReservedBits(1, 31);
            status.Define(this)
                .WithValueField(0, 2, FieldMode.Read, name: "SRC", valueProviderCallback: _ => oscillator.IsRunning ? oscillator.StartedSource : 0)
                .WithReservedBits(2, 2)
                .WithFlag(4, FieldMode.Read, name: "ALWAYSRUNNING", valueProviderCallback: _ => isAlwaysRunning.Value)
                .WithReservedBits(5, 11)
                .WithFlag(16, FieldMode.Read, name: "STATE", valueProviderCallback: _ => oscillator.IsRunning)
                .WithReservedBits(17, 15);
        }

        private void DefineEvent(Registers offset)
        {
            var mask = GetInterruptMask(offset);
            offset.Define(this)
                .WithFlag(0, name: "GENERATED",
                    valueProviderCallback: _ => (latched & mask) != 0,
                    writeCallback: (_, value) =>
                    {
                        latched = value ? latched | mask : latched & ~mask;
                        UpdateInterrupt();
                    })
                .WithReservedBits(1, 31);
        }

        private void DefineInterrupts()
        {
            DefineInterruptEnable(Registers.InterruptEnable, value => value);
            DefineInterruptEnable(Registers.InterruptEnableSet, value => enabled | value);
            DefineInterruptEnable(Registers.InterruptEnableClear, value => enabled & ~value);
            Registers.InterruptPending.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "INTPEND", valueProviderCallback: _ => enabled & latched);
        }

        private void DefineInterruptEnable(Registers offset, Func<uint, uint> change)
        {
            offset.Define(this)
                .WithValueField(0, 32, name: "INTEN",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) =>
                    {
                        enabled = change((uint)value) & allInterrupts;
                        UpdateInterrupt();
                    });
        }

        // So many times the rates of the platform: Renode takes the core's from its next quantum on. The platform sets its
        // rate behind this constructor, so it is known by what it is now.
        private void SetSpeed(uint times)
        {
            if(clocked == null || times == speed)
            {
                return;
            }
            clocked.PerformanceInMips = clocked.PerformanceInMips / speed * times;
            clockedNvic.Frequency = clockedNvic.Frequency / speed * times;
            speed = times;
        }

        private void Generate(Registers started)
        {
            latched |= GetInterruptMask(started);
            UpdateInterrupt();
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((enabled & latched) != 0);
        }

        private readonly CortexM clocked;
        private readonly NVIC clockedNvic;

        private uint speed = 1;
        private uint latched;
        private uint enabled;

        private readonly Oscillator highFrequency;
        private readonly Oscillator lowFrequency;
        private readonly Oscillator audio;
        private readonly Oscillator highFrequency192M;
        private readonly Oscillator calibration;

        private static readonly Registers[] events =
        {
            Registers.EventsHighFrequencyStarted, Registers.EventsLowFrequencyStarted, Registers.EventsPowerFailureWarning,
            Registers.EventsSleepEnter, Registers.EventsSleepExit, Registers.EventsCalibrationDone,
            Registers.EventsAudioStarted, Registers.EventsHighFrequency192MStarted
        };

        private static readonly uint allInterrupts = events.Select(GetInterruptMask).Aggregate((x, y) => x | y);

        private const int DppiRegisterCount = 32;
        private const ulong ResetSource = 1;

        private class Oscillator
        {
            public Oscillator(NRF5340_CLOCK parent, string name, Registers started, ulong startMicroseconds)
            {
                timer = new LimitTimer(parent.machine.ClockSource, MicrosecondsPerSecond, parent, name, startMicroseconds,
                    workMode: WorkMode.OneShot, eventEnabled: true);
                timer.LimitReached += () =>
                {
                    IsRunning = true;
                    parent.Generate(started);
                };
            }

            // One that runs already is started again: the source may be another one, and drivers wait for the event.
            public void Start()
            {
                IsTriggered = true;
                StartedSource = Source == null ? 0 : Source.Value;
                timer.Enabled = false;
                timer.ResetValue();
                timer.Enabled = true;
            }

            public void Stop()
            {
                timer.Enabled = false;
                IsTriggered = false;
                IsRunning = false;
            }

            public void Reset()
            {
                Stop();
                StartedSource = ResetSource;
            }

            public bool IsTriggered { get; private set; }

            public bool IsRunning { get; private set; }

            public ulong StartedSource { get; private set; } = ResetSource;

            public IValueRegisterField Source;

            private readonly LimitTimer timer;

            private const ulong MicrosecondsPerSecond = 1000000;
        }

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksHighFrequencyStart = 0x000, // TASKS_HFCLKSTART
            TasksHighFrequencyStop = 0x004, // TASKS_HFCLKSTOP
            TasksLowFrequencyStart = 0x008, // TASKS_LFCLKSTART
            TasksLowFrequencyStop = 0x00C, // TASKS_LFCLKSTOP
            TasksCalibrate = 0x010, // TASKS_CAL
            TasksAudioStart = 0x018, // TASKS_HFCLKAUDIOSTART
            TasksAudioStop = 0x01C, // TASKS_HFCLKAUDIOSTOP
            TasksHighFrequency192MStart = 0x020, // TASKS_HFCLK192MSTART
            TasksHighFrequency192MStop = 0x024, // TASKS_HFCLK192MSTOP
            TasksConstantLatency = 0x078, // TASKS_CONSTLAT
            TasksLowPower = 0x07C, // TASKS_LOWPWR
            Subscribe = 0x080, // SUBSCRIBE_HFCLKSTART
            EventsHighFrequencyStarted = 0x100, // EVENTS_HFCLKSTARTED
            EventsLowFrequencyStarted = 0x104, // EVENTS_LFCLKSTARTED
            EventsPowerFailureWarning = 0x108, // EVENTS_POFWARN
            EventsSleepEnter = 0x114, // EVENTS_SLEEPENTER
            EventsSleepExit = 0x118, // EVENTS_SLEEPEXIT
            EventsCalibrationDone = 0x11C, // EVENTS_DONE
            EventsAudioStarted = 0x120, // EVENTS_HFCLKAUDIOSTARTED
            EventsHighFrequency192MStarted = 0x124, // EVENTS_HFCLK192MSTARTED
            Publish = 0x180, // PUBLISH_HFCLKSTARTED
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            InterruptPending = 0x30C, // INTPEND
            HighFrequencyRun = 0x408, // HFCLKRUN
            HighFrequencyStatus = 0x40C, // HFCLKSTAT
            LowFrequencyRun = 0x414, // LFCLKRUN
            LowFrequencyStatus = 0x418, // LFCLKSTAT
            LowFrequencySourceCopy = 0x41C, // LFCLKSRCCOPY
            AudioRun = 0x450, // HFCLKAUDIORUN
            AudioStatus = 0x454, // HFCLKAUDIOSTAT
            HighFrequency192MRun = 0x458, // HFCLK192MRUN
            HighFrequency192MStatus = 0x45C, // HFCLK192MSTAT
            HighFrequencySource = 0x514, // HFCLKSRC
            LowFrequencySource = 0x518, // LFCLKSRC
            GeneralPurposeRetention = 0x51C, // GPREGRET[2]
            HighFrequencyControl = 0x558, // HFCLKCTRL
            AudioFrequency = 0x55C, // HFCLKAUDIO_FREQUENCY
            HighFrequencyAlwaysRun = 0x570, // HFCLKALWAYSRUN
            LowFrequencyAlwaysRun = 0x574, // LFCLKALWAYSRUN
            AudioAlwaysRun = 0x57C, // HFCLKAUDIOALWAYSRUN
            HighFrequency192MSource = 0x580, // HFCLK192MSRC
            HighFrequency192MAlwaysRun = 0x584, // HFCLK192MALWAYSRUN
            HighFrequency192MControl = 0x5B8, // HFCLK192MCTRL
        }
    }
}
