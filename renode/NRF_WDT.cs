//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.Miscellaneous;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Timers
{
    // The watchdog of the nRF5340's network core (Product Specification, "WDT"). When it bites, it restarts that core
    // with everything that belongs to it; Renode's NRF52840_Watchdog would reset the machine. It does not bite while
    // the core is halted.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_WDT : BasicDoubleWordPeripheral, IKnownSize
    {
        public NRF_WDT(IMachine machine, NRF_RESET resetController) : base(machine)
        {
            this.resetController = resetController;
            IRQ = new GPIO();
            counter = new LimitTimer(machine.ClockSource, Frequency, this, "watchdog", workMode: WorkMode.OneShot, eventEnabled: true);
            counter.LimitReached += Expire;
            postponement = new LimitTimer(machine.ClockSource, Frequency, this, "watchdog reset", PostponedCycles,
                workMode: WorkMode.OneShot, eventEnabled: true);
            postponement.LimitReached += Bite;
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            counter.Enabled = false;
            postponement.Enabled = false;
            isRunning = false;
            isStopAllowed = false;
            latched = 0;
            enabled = 0;
            reloadValue = uint.MaxValue;
            requests = 1;
            pendingRequests = 1;
            UpdateInterrupt();
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        private void DefineRegisters()
        {
            DefineTask(Registers.TasksStart, Start);
            DefineTask(Registers.TasksStop, Stop);
            DefineDppi(Registers.SubscribeStart);
            DefineDppi(Registers.SubscribeStop);
            DefineEvent(Registers.EventsTimeout, TimeoutMask);
            DefineEvent(Registers.EventsStopped, StoppedMask);
            DefineDppi(Registers.PublishTimeout);
            DefineDppi(Registers.PublishStopped);
            DefineInterruptEnable(Registers.InterruptEnable, value => value);
            DefineInterruptEnable(Registers.InterruptEnableSet, value => enabled | value);
            DefineInterruptEnable(Registers.InterruptEnableClear, value => enabled & ~value);

            Registers.RunStatus.Define(this)
                .WithFlag(0, FieldMode.Read, name: "RUNSTATUSWDT", valueProviderCallback: _ => isRunning)
                .WithReservedBits(1, 31);

            Registers.RequestStatus.Define(this)
                .WithValueField(0, RequestCount, FieldMode.Read, name: "RR", valueProviderCallback: _ => pendingRequests)
                .WithReservedBits(RequestCount, 32 - RequestCount);

            Registers.CounterReloadValue.Define(this)
                .WithValueField(0, 32, name: "CRV", valueProviderCallback: _ => reloadValue,
                    writeCallback: (_, value) =>
                    {
                        if(IsConfigurable("CRV"))
                        {
                            reloadValue = value < ShortestReloadValue ? ShortestReloadValue : (uint)value;
                        }
                    });

            Registers.ReloadRequestEnable.Define(this)
                .WithValueField(0, RequestCount, name: "RR", valueProviderCallback: _ => requests,
                    writeCallback: (_, value) =>
                    {
                        if(IsConfigurable("RREN"))
                        {
                            requests = (uint)value;
                            pendingRequests = requests;
                        }
                    })
                .WithReservedBits(RequestCount, 32 - RequestCount);

            // SLEEP and HALT are stored: the counter runs while the core sleeps, and does not bite while it is halted.
            Registers.Configuration.Define(this, 0x1)
                .WithFlag(0, name: "SLEEP")
                .WithReservedBits(1, 2)
                .WithFlag(3, name: "HALT")
                .WithReservedBits(4, 2)
                .WithFlag(6, out stopEnabled, name: "STOPEN")
                .WithReservedBits(7, 25);

            Registers.TaskStopEnable.Define(this)
                .WithValueField(0, 32, FieldMode.Write, name: "TSEN", writeCallback: (_, value) => isStopAllowed = value == ReloadKey);

            Registers.ReloadRequest.DefineMany(this, RequestCount, (register, index) => register
                .WithValueField(0, 32, FieldMode.Write, name: "RR", writeCallback: (_, value) => Request(index, (uint)value))
            );
        }

        private void DefineTask(Registers offset, System.Action action)
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

        private void DefineDppi(Registers offset)
        {
            offset.Define(this).WithValueField(0, 32, name: "DPPI");
        }

        private void DefineEvent(Registers offset, uint mask)
        {
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

        private void DefineInterruptEnable(Registers offset, System.Func<uint, uint> change)
        {
            offset.Define(this)
                .WithValueField(0, 2, name: "INTEN",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) =>
                    {
                        enabled = change((uint)value);
                        UpdateInterrupt();
                    })
                .WithReservedBits(2, 30);
        }

        private bool IsConfigurable(string name)
        {
            if(isRunning)
            {
                this.Log(LogLevel.Warning, "{0} cannot be changed while the watchdog runs", name);
            }
            return !isRunning;
        }

        private void Start()
        {
            if(!isRunning)
            {
                isRunning = true;
                Reload();
            }
        }

        private void Stop()
        {
            if(isRunning && isStopAllowed && stopEnabled.Value)
            {
                isRunning = false;
                counter.Enabled = false;
                Generate(StoppedMask);
            }
        }

        private void Request(int index, uint value)
        {
            if(value != ReloadKey || !isRunning)
            {
                return;
            }
            pendingRequests &= ~(1u << index);
            if(pendingRequests == 0 && requests != 0)
            {
                Reload();
            }
        }

        private void Reload()
        {
            pendingRequests = requests;
            counter.Enabled = false;
            counter.Limit = (ulong)reloadValue + 1;
            counter.ResetValue();
            counter.Enabled = true;
        }

        private void Expire()
        {
            if(resetController.IsNetworkHalted)
            {
                Reload();
                return;
            }
            Generate(TimeoutMask);
            if((enabled & TimeoutMask) == 0)
            {
                Bite();
                return;
            }
            // The handler has this time before the reset.
            postponement.Enabled = false;
            postponement.ResetValue();
            postponement.Enabled = true;
        }

        private void Bite()
        {
            this.Log(LogLevel.Info, "The watchdog restarts the network core");
            resetController.RestartNetwork();
        }

        private void Generate(uint mask)
        {
            latched |= mask;
            UpdateInterrupt();
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((enabled & latched) != 0);
        }

        private bool isRunning;
        private bool isStopAllowed;
        private uint latched;
        private uint enabled;
        private uint reloadValue = uint.MaxValue;
        private uint requests = 1;
        private uint pendingRequests = 1;
        private IFlagRegisterField stopEnabled;

        private readonly NRF_RESET resetController;
        private readonly LimitTimer counter;
        private readonly LimitTimer postponement;

        private const int RequestCount = 8;
        private const ulong Frequency = 32768;
        private const ulong PostponedCycles = 2;
        private const uint ReloadKey = 0x6E524635;
        private const uint ShortestReloadValue = 15;
        private const uint TimeoutMask = 0x1;
        private const uint StoppedMask = 0x2;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            TasksStart = 0x000, // TASKS_START
            TasksStop = 0x004, // TASKS_STOP
            SubscribeStart = 0x080, // SUBSCRIBE_START
            SubscribeStop = 0x084, // SUBSCRIBE_STOP
            EventsTimeout = 0x100, // EVENTS_TIMEOUT
            EventsStopped = 0x104, // EVENTS_STOPPED
            PublishTimeout = 0x180, // PUBLISH_TIMEOUT
            PublishStopped = 0x184, // PUBLISH_STOPPED
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            RunStatus = 0x400, // RUNSTATUS
            RequestStatus = 0x404, // REQSTATUS
            CounterReloadValue = 0x504, // CRV
            ReloadRequestEnable = 0x508, // RREN
            Configuration = 0x50C, // CONFIG
            TaskStopEnable = 0x520, // TSEN
            ReloadRequest = 0x600, // RR[8]
        }
    }
}
