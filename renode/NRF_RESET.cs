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
    // The part of the nRF5340's RESET (Product Specification, "RESET") by which the application core stops and starts
    // the network core: while FORCEOFF is 1, the core and everything that only it can reach is held in reset. Offsets are
    // those from the base address, which RESET shares with CLOCK and POWER.
    //
    // After a reset FORCEOFF reads 1, as on the hardware. The core starts when a 0 is written; who starts it without the
    // application core need not write anything.
    public class NRF_RESET : CoreHolder
    {
        public NRF_RESET(IMachine machine, CortexM network, uint networkVectorTable = StartOfNetworkFlash) : base(machine, network, "network core")
        {
            this.network = network;
            NetworkVectorTable = networkVectorTable;
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            isHeld = false;
        }

        public void HoldNetwork()
        {
            Hold();
        }

        public void ReleaseNetwork()
        {
            Release();
        }

        // A reset of the core alone, for its watchdog: may be called by a timer.
        public void RestartNetwork()
        {
            Restart();
        }

        public override long Size => 0x1000;

        public bool IsNetworkHeld => isHeld;

        // Somebody outside plays the core: FORCEOFF does not start an image that lies in its flash. Stays over a reset.
        public bool IsNetworkPlayed
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

        public bool IsNetworkHalted => network.IsHalted;

        // Where the network core takes its stack pointer and its first instruction from.
        public uint NetworkVectorTable { get; set; }

        protected override void SetEntry()
        {
            if(network.EmulationState == EmulationCPUState.InReset)
            {
                network.VectorTableOffset = NetworkVectorTable;
            }
        }

        protected override bool HasImage
        {
            get
            {
                var stackPointer = sysbus.ReadDoubleWord(NetworkVectorTable, network);
                var entry = sysbus.ReadDoubleWord(NetworkVectorTable + 4, network);
                return (stackPointer | entry) != 0 && (stackPointer & entry) != uint.MaxValue;
            }
        }

        private void DefineRegisters()
        {
            Registers.NetworkForceOff.Define(this, 0x1)
                .WithFlag(0, name: "FORCEOFF", writeCallback: (_, value) =>
                {
                    if(value)
                    {
                        HoldNetwork();
                    }
                    else
                    {
                        ReleaseNetwork();
                    }
                })
                .WithReservedBits(1, 31);

            // Written by the workaround for erratum 161.
            Registers.NetworkUnlock.Define(this)
                .WithValueField(0, 32, name: "UNLOCK");
        }

        private readonly CortexM network;

        private const uint StartOfNetworkFlash = 0x01000000;

        // The names in the comments are those of the Product Specification.
        private enum Registers : long
        {
            NetworkForceOff = 0x614, // NETWORK_FORCEOFF
            NetworkUnlock = 0x618, // NETWORK_UNLOCK
        }
    }
}
