//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.Timers;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // TEMP of the nRF5340 (Product Specification, "TEMP"): a measurement takes a little, and it is always 25 degrees.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_TEMP : BasicDoubleWordPeripheral, IKnownSize
    {
        public NRF_TEMP(IMachine machine) : base(machine)
        {
            IRQ = new GPIO();
            measurement = new LimitTimer(machine.ClockSource, MicrosecondsPerSecond, this, "measurement", MeasurementMicroseconds,
                workMode: WorkMode.OneShot, eventEnabled: true);
            measurement.LimitReached += () =>
            {
                temperature = QuartersOfADegree;
                ready = true;
                UpdateInterrupt();
            };
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            measurement.Enabled = false;
            temperature = 0;
            ready = false;
            enabled = false;
            UpdateInterrupt();
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        private void DefineRegisters()
        {
            Registers.TasksStart.Define(this)
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        measurement.Enabled = false;
                        measurement.ResetValue();
                        measurement.Enabled = true;
                    }
                })
                .WithReservedBits(1, 31);
            Registers.TasksStop.Define(this)
                .WithFlag(0, FieldMode.Write, name: "TRIGGER", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        measurement.Enabled = false;
                    }
                })
                .WithReservedBits(1, 31);
            Registers.EventsDataReady.Define(this)
                .WithFlag(0, name: "GENERATED",
                    valueProviderCallback: _ => ready,
                    writeCallback: (_, value) =>
                    {
                        ready = value;
                        UpdateInterrupt();
                    })
                .WithReservedBits(1, 31);
            DefineInterruptEnable(Registers.InterruptEnable, value => enabled = value);
            DefineInterruptEnable(Registers.InterruptEnableSet, value => enabled |= value);
            DefineInterruptEnable(Registers.InterruptEnableClear, value => enabled &= !value);
            Registers.Temperature.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "TEMP", valueProviderCallback: _ => temperature);
            Registers.Slopes.DefineMany(this, 6, (register, _) => register.WithValueField(0, 32, name: "A"));
            Registers.Offsets.DefineMany(this, 6, (register, _) => register.WithValueField(0, 32, name: "B"));
            Registers.Ends.DefineMany(this, 5, (register, _) => register.WithValueField(0, 32, name: "T"));
        }

        private void DefineInterruptEnable(Registers offset, System.Action<bool> change)
        {
            offset.Define(this)
                .WithFlag(0, name: "DATARDY",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) =>
                    {
                        change(value);
                        UpdateInterrupt();
                    })
                .WithReservedBits(1, 31);
        }

        private void UpdateInterrupt()
        {
            IRQ.Set(ready && enabled);
        }

        private ulong temperature;
        private bool ready;
        private bool enabled;

        private readonly LimitTimer measurement;

        private const ulong QuartersOfADegree = 4 * 25;
        private const ulong MeasurementMicroseconds = 36;
        private const ulong MicrosecondsPerSecond = 1000000;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksStart = 0x000, // TASKS_START
            TasksStop = 0x004, // TASKS_STOP
            EventsDataReady = 0x100, // EVENTS_DATARDY
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            Temperature = 0x508, // TEMP
            Slopes = 0x520, // A[6]
            Offsets = 0x540, // B[6]
            Ends = 0x560, // T[5]
        }
    }
}
