//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.UART
{
    // The UARTE of the nRF54L (nRF54L15 Datasheet, "UARTE") as a console: sends what DMA_TX points to, at once, and receives
    // at the baud rate: two buffers in turn need the time. What comes before there is a buffer for it waits, however much it
    // is, as in Renode's UARTs. Renode's NRF54H20_UARTE has AMOUNT elsewhere, and not the shortcut by which the end of a
    // transmission stops it. DPPI and DMA_RX_MATCH are not modelled: their registers are stored without effect.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF54L_UARTE : BasicDoubleWordPeripheral, IUART, IKnownSize
    {
        public NRF54L_UARTE(IMachine machine) : base(machine)
        {
            IRQ = new GPIO();
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            latched = 0;
            enabled = 0;
            received.Clear();
            receiving = false;
            filling = false;
            pauses++;
            UpdateInterrupt();
        }

        public void WriteChar(byte value)
        {
            lock(received)
            {
                onTheWay.Enqueue(value);
                if(onTheWay.Count == 1)
                {
                    AfterBits(BitsOfFrame, Arrive);
                }
            }
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        public uint BaudRate => 115200;

        public Bits StopBits => Bits.One;

        public Parity ParityBit => Parity.None;

        public event Action<byte> CharReceived;

        private void DefineRegisters()
        {
            DefineTask(Registers.TasksTxStart, StartSending);
            DefineTask(Registers.TasksTxStop, () => Generate(TxStopped));
            DefineTask(Registers.TasksRxStart, StartReceiving);
            DefineTask(Registers.TasksRxStop, StopReceiving);
            DefineTask(Registers.TasksFlushRx, Flush);
            foreach(var block in new[] { Registers.TasksEnableMatch, Registers.TasksDisableMatch })
            {
                block.DefineMany(this, MatchCount, (register, _) => register.WithFlag(0, FieldMode.Write, name: "TRIGGER"));
            }

            Registers.Subscribe.DefineMany(this, TaskCount, (register, _) => register.WithValueField(0, 32, name: "DPPI"));
            Registers.Publish.DefineMany(this, EventCount, (register, _) => register.WithValueField(0, 32, name: "DPPI"));

            foreach(var offset in new[]
                {
                    Registers.EventsCts, Registers.EventsNcts, Registers.EventsTxdReady, Registers.EventsRxdReady, Registers.EventsError,
                    Registers.EventsRxTimeout, Registers.EventsTxStopped, Registers.EventsRxEnd, Registers.EventsRxReady,
                    Registers.EventsRxBusError, Registers.EventsRxMatch0, Registers.EventsRxMatch1, Registers.EventsRxMatch2,
                    Registers.EventsRxMatch3, Registers.EventsTxEnd, Registers.EventsTxReady, Registers.EventsTxBusError,
                    Registers.EventsFrameTimeout
                })
            {
                DefineEvent(offset);
            }

            Registers.Shortcuts.Define(this)
                .WithValueField(0, 32, out shortcuts, name: "SHORTS");
            DefineEnable(Registers.InterruptEnable, value => value);
            DefineEnable(Registers.InterruptEnableSet, value => enabled | value);
            DefineEnable(Registers.InterruptEnableClear, value => enabled & ~value);

            Registers.Enable.Define(this)
                .WithValueField(0, 4, out enable, name: "ENABLE")
                .WithReservedBits(4, 28);

            Registers.TxPointer.Define(this, 0x20000000)
                .WithValueField(0, 32, out pointer, name: "PTR");
            Registers.TxMaximumCount.Define(this)
                .WithValueField(0, 16, out count, name: "MAXCNT")
                .WithReservedBits(16, 16);
            Registers.TxAmount.Define(this)
                .WithValueField(0, 32, out amount, FieldMode.Read, name: "AMOUNT");

            Registers.RxPointer.Define(this, 0x20000000)
                .WithValueField(0, 32, out rxPointer, name: "PTR");
            Registers.RxMaximumCount.Define(this)
                .WithValueField(0, 16, out rxCount, name: "MAXCNT")
                .WithReservedBits(16, 16);
            Registers.RxAmount.Define(this)
                .WithValueField(0, 32, out rxAmount, FieldMode.Read, name: "AMOUNT");
            Registers.BaudRate.Define(this, 0x4000000)
                .WithValueField(0, 32, out baudRate, name: "BAUDRATE");
            Registers.Config.Define(this, 0x1000)
                .WithValueField(0, 32, out config, name: "CONFIG");
            Registers.FrameTimeout.Define(this, 0x10)
                .WithValueField(0, 10, out frameTimeout, name: "COUNTERTOP")
                .WithReservedBits(10, 22);

            foreach(var register in new[]
                {
                    Registers.PinTxd.Define(this, 0xFFFFFFFF), Registers.PinCts.Define(this, 0xFFFFFFFF),
                    Registers.PinRxd.Define(this, 0xFFFFFFFF), Registers.PinRts.Define(this, 0xFFFFFFFF),
                    Registers.ErrorSource.Define(this), Registers.Address.Define(this),
                    Registers.RxList.Define(this), Registers.RxTerminate.Define(this),
                    Registers.RxBusErrorAddress.Define(this), Registers.RxMatchConfig.Define(this), Registers.TxList.Define(this),
                    Registers.TxTerminate.Define(this), Registers.TxBusErrorAddress.Define(this)
                })
            {
                register.WithValueField(0, 32, name: "STORED");
            }
            Registers.RxMatchCandidate.DefineMany(this, MatchCount, (register, _) => register.WithValueField(0, 32, name: "STORED"));
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

        private void DefineEvent(Registers offset)
        {
            var mask = 1u << (int)(offset - Registers.EventsCts) / 4;
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

        private void DefineEnable(Registers offset, Func<uint, uint> change)
        {
            offset.Define(this)
                .WithValueField(0, 32, name: "ENABLED",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) =>
                    {
                        enabled = change((uint)value);
                        UpdateInterrupt();
                    });
        }

        private void StartSending()
        {
            if(enable.Value != Enabled)
            {
                return;
            }
            foreach(var value in sysbus.ReadBytes(pointer.Value, (int)count.Value))
            {
                CharReceived?.Invoke(value);
            }
            amount.Value = count.Value;
            Generate(TxReady);
            Generate(TxEnd);
            if((shortcuts.Value & EndStops) != 0)
            {
                Generate(TxStopped);
            }
        }

        private void StartReceiving()
        {
            lock(received)
            {
                if(enable.Value != Enabled)
                {
                    return;
                }
                receiving = true;
                Latch();
                Generate(RxReady);
                if(size == 0)
                {
                    rxAmount.Value = 0;
                    Generate(RxEnd);
                    return;
                }
                filling = true;
                Fill();
            }
        }

        private void StopReceiving()
        {
            lock(received)
            {
                pauses++;
                if(filling)
                {
                    EndFilling();
                }
                if(!filling)
                {
                    receiving = false;
                    Generate(RxTimeout);
                }
            }
        }

        private void Flush()
        {
            lock(received)
            {
                if(enable.Value != Enabled)
                {
                    return;
                }
                if(received.Count > 0)
                {
                    Latch();
                    Generate(RxReady);
                    while(received.Count > 0 && taken < size)
                    {
                        Take();
                    }
                    rxAmount.Value = taken;
                }
                Generate(RxEnd);
            }
        }

        private void Latch()
        {
            at = rxPointer.Value;
            size = rxCount.Value;
            taken = 0;
        }

        private void Take()
        {
            sysbus.WriteByte(at + taken, received.Dequeue());
            taken++;
        }

        private void Fill()
        {
            while(received.Count > 0 && filling)
            {
                Take();
                if(taken == size)
                {
                    EndFilling();
                }
            }
        }

        private void EndFilling()
        {
            filling = false;
            rxAmount.Value = taken;
            Generate(RxEnd);
            if((shortcuts.Value & EndStarts) != 0)
            {
                StartReceiving();
            }
            else if((shortcuts.Value & EndStopsReceiver) != 0)
            {
                StopReceiving();
            }
        }

        private void Arrive()
        {
            lock(received)
            {
                var value = onTheWay.Dequeue();
                if(onTheWay.Count > 0)
                {
                    AfterBits(BitsOfFrame, Arrive);
                }
                if(enable.Value != Enabled || !receiving)
                {
                    this.Log(LogLevel.Warning, "Received a character, but the receiver is disabled.");
                    return;
                }
                received.Enqueue(value);
                Generate(RxdReady);
                Fill();
                WatchForPause();
            }
        }

        private void AfterBits(ulong bits, Action action)
        {
            var cycles = (1ul << 32) / Math.Max(baudRate.Value, 1) * bits; // of 16 MHz
            machine.ScheduleAction(TimeInterval.FromMicroseconds(cycles / 16 + 1), _ => action());
        }

        // A byte came; FRAMETIMEOUT comes where none follows for as many bits as its register says.
        private void WatchForPause()
        {
            var watch = ++pauses;
            if((config.Value & PauseIsEvent) == 0 || frameTimeout.Value == 0)
            {
                return;
            }
            AfterBits(frameTimeout.Value, () =>
            {
                lock(received)
                {
                    if(watch != pauses)
                    {
                        return;
                    }
                    Generate(FrameTimedOut);
                    if((shortcuts.Value & PauseStops) != 0)
                    {
                        StopReceiving();
                    }
                }
            });
        }

        private void Generate(int generated)
        {
            latched |= 1u << generated;
            UpdateInterrupt();
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((latched & enabled) != 0);
        }

        private readonly Queue<byte> onTheWay = new Queue<byte>();
        private readonly Queue<byte> received = new Queue<byte>();
        private bool receiving;
        private bool filling;
        private ulong at;
        private ulong size;
        private ulong taken;
        private ulong pauses;
        private uint latched;
        private uint enabled;
        private IValueRegisterField shortcuts;
        private IValueRegisterField enable;
        private IValueRegisterField pointer;
        private IValueRegisterField count;
        private IValueRegisterField amount;
        private IValueRegisterField rxPointer;
        private IValueRegisterField rxCount;
        private IValueRegisterField rxAmount;
        private IValueRegisterField baudRate;
        private IValueRegisterField config;
        private IValueRegisterField frameTimeout;

        private const uint MatchCount = 4;
        private const uint TaskCount = 15; // offsets of a task, from the first one on
        private const uint EventCount = 30;
        private const ulong Enabled = 8;
        private const ulong EndStops = 1 << 18;
        private const ulong BitsOfFrame = 10;
        private const ulong EndStarts = 1 << 5;
        private const ulong EndStopsReceiver = 1 << 6;
        private const ulong PauseStops = 1 << 29;
        private const ulong PauseIsEvent = 1 << 14;
        private const int RxdReady = 4; // events by their bits in INTEN
        private const int RxTimeout = 9;
        private const int TxStopped = 12;
        private const int RxEnd = 19;
        private const int RxReady = 20;
        private const int TxEnd = 26;
        private const int TxReady = 27;
        private const int FrameTimedOut = 29;

        // The names in the comments are those of the datasheet.
        private enum Registers : long
        {
            TasksFlushRx = 0x01C, // TASKS_FLUSHRX
            TasksRxStart = 0x028, // TASKS_DMA_RX_START
            TasksRxStop = 0x02C, // TASKS_DMA_RX_STOP
            TasksEnableMatch = 0x030, // TASKS_DMA_RX_ENABLEMATCH[4]
            TasksDisableMatch = 0x040, // TASKS_DMA_RX_DISABLEMATCH[4]
            TasksTxStart = 0x050, // TASKS_DMA_TX_START
            TasksTxStop = 0x054, // TASKS_DMA_TX_STOP
            Subscribe = 0x09C, // SUBSCRIBE_FLUSHRX
            EventsCts = 0x100, // EVENTS_CTS
            EventsNcts = 0x104, // EVENTS_NCTS
            EventsTxdReady = 0x10C, // EVENTS_TXDRDY
            EventsRxdReady = 0x110, // EVENTS_RXDRDY
            EventsError = 0x114, // EVENTS_ERROR
            EventsRxTimeout = 0x124, // EVENTS_RXTO
            EventsTxStopped = 0x130, // EVENTS_TXSTOPPED
            EventsRxEnd = 0x14C, // EVENTS_DMA_RX_END
            EventsRxReady = 0x150, // EVENTS_DMA_RX_READY
            EventsRxBusError = 0x154, // EVENTS_DMA_RX_BUSERROR
            EventsRxMatch0 = 0x158, // EVENTS_DMA_RX_MATCH0
            EventsRxMatch1 = 0x15C, // EVENTS_DMA_RX_MATCH1
            EventsRxMatch2 = 0x160, // EVENTS_DMA_RX_MATCH2
            EventsRxMatch3 = 0x164, // EVENTS_DMA_RX_MATCH3
            EventsTxEnd = 0x168, // EVENTS_DMA_TX_END
            EventsTxReady = 0x16C, // EVENTS_DMA_TX_READY
            EventsTxBusError = 0x170, // EVENTS_DMA_TX_BUSERROR
            EventsFrameTimeout = 0x174, // EVENTS_FRAMETIMEOUT
            Publish = 0x180, // PUBLISH_CTS
            Shortcuts = 0x200, // SHORTS
            InterruptEnable = 0x300, // INTEN
            InterruptEnableSet = 0x304, // INTENSET
            InterruptEnableClear = 0x308, // INTENCLR
            ErrorSource = 0x480, // ERRORSRC
            Enable = 0x500, // ENABLE
            BaudRate = 0x524, // BAUDRATE
            Config = 0x56C, // CONFIG
            Address = 0x574, // ADDRESS
            FrameTimeout = 0x578, // FRAMETIMEOUT
            PinTxd = 0x604, // PSEL_TXD
            PinCts = 0x608, // PSEL_CTS
            PinRxd = 0x60C, // PSEL_RXD
            PinRts = 0x610, // PSEL_RTS
            RxPointer = 0x704, // DMA_RX_PTR
            RxMaximumCount = 0x708, // DMA_RX_MAXCNT
            RxAmount = 0x70C, // DMA_RX_AMOUNT
            RxList = 0x714, // DMA_RX_LIST
            RxTerminate = 0x71C, // DMA_RX_TERMINATEONBUSERROR
            RxBusErrorAddress = 0x720, // DMA_RX_BUSERRORADDRESS
            RxMatchConfig = 0x724, // DMA_RX_MATCH_CONFIG
            RxMatchCandidate = 0x728, // DMA_RX_MATCH_CANDIDATE[4]
            TxPointer = 0x73C, // DMA_TX_PTR
            TxMaximumCount = 0x740, // DMA_TX_MAXCNT
            TxAmount = 0x744, // DMA_TX_AMOUNT
            TxList = 0x74C, // DMA_TX_LIST
            TxTerminate = 0x754, // DMA_TX_TERMINATEONBUSERROR
            TxBusErrorAddress = 0x758, // DMA_TX_BUSERRORADDRESS
        }
    }
}
