//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.CPU;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // The second half of the VPR peripheral (nRF54L15 Product Specification, "VPR"), by which the Arm core starts the VPR at
    // INITPC, and stops it: while CPURUN is 0, the VPR and everything that only it can reach is held in reset. Offsets are
    // those from the base address of the whole peripheral.
    public class NRF_VPR : CoreHolder
    {
        public NRF_VPR(IMachine machine, CPU.NRF_VPR vpr) : base(machine, vpr, "VPR")
        {
            this.vpr = vpr;
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            isHeld = false;
        }

        public override long Size => 0x1000;

        public bool IsHeld => isHeld;

        // Somebody outside plays the core: CPURUN does not start what lies at INITPC. Stays over a reset.
        public bool IsPlayed
        {
            get
            {
                return isPlayed;
            }

            set
            {
                isPlayed = value;
            }
        }

        protected override void SetEntry()
        {
            vpr.PC = initialPC.Value;
        }

        protected override bool HasImage
        {
            get
            {
                var first = sysbus.ReadDoubleWord(initialPC.Value, vpr);
                return first != 0 && first != uint.MaxValue;
            }
        }

        private void DefineRegisters()
        {
            Registers.CpuRun.Define(this)
                .WithFlag(0, name: "EN", writeCallback: (before, value) =>
                {
                    if(!value)
                    {
                        Hold();
                    }
                    else if(!before || isHeld)
                    {
                        Release();
                    }
                })
                .WithReservedBits(1, 31);

            // A core that sleeps counts as running.
            Registers.Status.Define(this)
                .WithValueField(0, 4, FieldMode.Read, name: "CPUSTATUS", valueProviderCallback: _ => vpr.IsHalted ? 0u : 1u)
                .WithReservedBits(4, 28);

            Registers.InitialPC.Define(this)
                .WithValueField(0, 32, out initialPC, name: "INITPC");
        }

        private IValueRegisterField initialPC;

        private readonly CPU.NRF_VPR vpr;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            CpuRun = 0x800, // CPURUN
            Status = 0x804, // VPRSTATUS
            InitialPC = 0x808, // INITPC
        }
    }
}
