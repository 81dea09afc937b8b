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

namespace Antmicro.Renode.Peripherals.IRQControllers
{
    // The interrupt controller of a VPR, a CLIC of which only enable, pending and priority can be written: interrupts are
    // of machine mode, vectored, and latched at the rising edge of their line.
    //
    // Output n is high while line n is and its interrupt is enabled: what somebody sees who plays the core from outside.
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class NRF_CLIC : BasicDoubleWordPeripheral, INumberedGPIOOutput, IGPIOReceiver, IKnownSize
    {
        public NRF_CLIC(IMachine machine) : base(machine)
        {
            Connections = Enumerable.Range(0, InterruptCount).ToDictionary(number => number, _ => (IGPIO)new GPIO());
            DefineRegisters();
            Reset();
        }

        // The core whose interrupts these are.
        public void AttachCPU(NRF_VPR vpr)
        {
            if(cpu != null)
            {
                throw new ConstructionException("This NRF_CLIC belongs to another core already");
            }
            cpu = vpr;
        }

        public override void Reset()
        {
            base.Reset();
            lock(sync)
            {
                Array.Clear(pending, 0, InterruptCount);
                Array.Clear(enabled, 0, InterruptCount);
                for(var i = 0; i < InterruptCount; i++)
                {
                    levels[i] = LowestLevel;
                }
            }
            for(var i = 0; i < InterruptCount; i++)
            {
                UpdateOutput(i);
            }
            Present();
        }

        public void OnGPIO(int number, bool value)
        {
            if(number < 0 || number >= InterruptCount)
            {
                return;
            }
            lock(sync)
            {
                pending[number] |= value && !lines[number];
                lines[number] = value;
            }
            UpdateOutput(number);
            Present();
        }

        // The core takes this interrupt, and will look for the next one itself.
        public void Take(int number)
        {
            lock(sync)
            {
                pending[number] = false;
            }
        }

        // Offers the core the interrupt that comes first.
        public void Present()
        {
            if(cpu == null)
            {
                return;
            }
            var best = None;
            lock(sync)
            {
                for(var i = 0; i < InterruptCount; i++)
                {
                    if(pending[i] && enabled[i] && (best == None || levels[i] >= levels[best]))
                    {
                        best = i;
                    }
                }
            }
            cpu.Offer(best, best == None ? 0 : levels[best]);
        }

        public bool IsOutputSet(int number)
        {
            return Connections[number].IsSet;
        }

        public IReadOnlyDictionary<int, IGPIO> Connections { get; }

        public long Size => 0x2000;

        private void DefineRegisters()
        {
            Registers.Configuration.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "CLICCFG", valueProviderCallback: _ => ConfigurationValue);

            Registers.Information.Define(this)
                .WithValueField(0, 32, FieldMode.Read, name: "CLICINFO", valueProviderCallback: _ => InformationValue);

            Registers.Interrupt.DefineMany(this, InterruptCount, (register, index) => register
                .WithFlag(0, name: "IP",
                    valueProviderCallback: _ => pending[index],
                    writeCallback: (_, value) => pending[index] = value)
                .WithReservedBits(1, 7)
                .WithFlag(8, name: "IE",
                    valueProviderCallback: _ => enabled[index],
                    writeCallback: (_, value) => enabled[index] = value)
                .WithReservedBits(9, 7)
                .WithValueField(16, 8, FieldMode.Read, name: "SHV, TRIG, MODE", valueProviderCallback: _ => Attributes)
                .WithValueField(24, 8, name: "PRIORITY",
                    valueProviderCallback: _ => levels[index],
                    writeCallback: (_, value) => levels[index] = (byte)(value | LowestLevel))
                .WithWriteCallback((_, __) =>
                {
                    UpdateOutput(index);
                    Present();
                })
            );
        }

        private void UpdateOutput(int number)
        {
            Connections[number].Set(lines[number] && enabled[number]);
        }

        private NRF_VPR cpu;

        private readonly bool[] lines = new bool[InterruptCount];
        private readonly bool[] pending = new bool[InterruptCount];
        private readonly bool[] enabled = new bool[InterruptCount];
        private readonly byte[] levels = new byte[InterruptCount];
        private readonly object sync = new object();

        public const int None = -1;

        private const int InterruptCount = 271;
        private const byte LowestLevel = 0x3F;
        private const uint ConfigurationValue = 0x11; // selective vectoring, eight bits of level, machine mode alone
        private const uint InformationValue = 0x00401FFF;
        private const uint Attributes = 0xC3; // vectored, rising edge, machine mode

        private enum Registers : long
        {
            Configuration = 0x0000, // CLICCFG
            Information = 0x0004, // CLICINFO
            Interrupt = 0x1000, // CLICINT[271]
        }
    }
}
