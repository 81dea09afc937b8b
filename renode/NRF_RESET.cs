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
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // The part of the nRF5340's RESET (Product Specification, "RESET") by which the application core stops and starts
    // the network core: while FORCEOFF is 1, the core and everything that only it can reach is held in reset; memories
    // keep their contents. Offsets are those from the base address, which RESET shares with CLOCK and POWER.
    //
    // After a reset FORCEOFF reads 1, as on the hardware. The core is halted then by the scripts, or by whoever makes the
    // machine, and starts when a 0 is written; who starts it without the application core need not write anything.
    public class NRF_RESET : BasicDoubleWordPeripheral, IKnownSize
    {
        public NRF_RESET(IMachine machine, CortexM network, uint networkVectorTable = StartOfNetworkFlash) : base(machine)
        {
            this.network = network;
            NetworkVectorTable = networkVectorTable;
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            IsNetworkHeld = false;
        }

        public void HoldNetwork()
        {
            if(!IsNetworkHeld)
            {
                this.Log(LogLevel.Info, "The network core is held in reset");
                NetworkHeld?.Invoke();
                ResetNetwork();
            }
        }

        private void ResetNetwork()
        {
            IsNetworkHeld = true;
            network.IsHalted = true;
            network.Reset();
            foreach(var peripheral in GetPeripheralsOfNetwork())
            {
                peripheral.Reset();
            }
        }

        // The core starts at the next synchronization point. One that is halted and released within the same quantum
        // would confuse the time framework where cores run in parallel.
        public void ReleaseNetwork()
        {
            IsNetworkHeld = false;
            if(network.IsHalted && !IsNetworkPlayed && HasImage)
            {
                NetworkReleased?.Invoke();
            }
            StartNetworkWhenSynced();
        }

        private void StartNetworkWhenSynced()
        {
            machine.LocalTimeSource.ExecuteInNearestSyncedState(_ => StartNetwork(), true);
        }

        // A reset of the core alone, for its watchdog: may be called by a timer.
        public void RestartNetwork()
        {
            machine.LocalTimeSource.ExecuteInNearestSyncedState(_ =>
            {
                if(!IsNetworkHeld)
                {
                    this.Log(LogLevel.Info, "The network core is reset");
                    NetworkRestarted?.Invoke();
                    ResetNetwork();
                    IsNetworkHeld = false;
                    StartNetworkWhenSynced();
                }
            });
        }

        public long Size => 0x1000;

        // When the register is written, not when the core stops or starts; for whoever writes down what happens.
        public event Action NetworkHeld;

        public event Action NetworkReleased;

        public event Action NetworkRestarted;

        public bool IsNetworkHeld { get; private set; }

        // Somebody outside plays the core: FORCEOFF does not start an image that lies in its flash. Stays over a reset.
        public bool IsNetworkPlayed { get; set; }

        public bool IsNetworkHalted => network.IsHalted;

        // Where the network core takes its stack pointer and its first instruction from.
        public uint NetworkVectorTable { get; set; }

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

        private void StartNetwork()
        {
            if(IsNetworkHeld || IsNetworkPlayed || !network.IsHalted)
            {
                return;
            }
            if(!HasImage)
            {
                this.Log(LogLevel.Info, "The network core stays halted: there is no image at 0x{0:X8}", NetworkVectorTable);
                return;
            }
            this.Log(LogLevel.Info, "The network core starts");
            if(network.EmulationState == EmulationCPUState.InReset)
            {
                network.VectorTableOffset = NetworkVectorTable;
            }
            network.IsHalted = false;
            // The end of a halt resumes only a core that had run before, but the reset has paused this one, too.
            network.Resume();
        }

        private IEnumerable<IBusPeripheral> GetPeripheralsOfNetwork()
        {
            var reachedByOthers = sysbus.GetCPUs().Where(cpu => cpu != network).SelectMany(cpu => sysbus.GetRegisteredPeripherals(cpu));
            return sysbus.GetRegisteredPeripherals(network).Select(x => x.Peripheral)
                .Except(reachedByOthers.Select(x => x.Peripheral))
                .Where(x => !(x is IMemory))
                .ToList();
        }

        private bool HasImage
        {
            get
            {
                var stackPointer = sysbus.ReadDoubleWord(NetworkVectorTable, network);
                var entry = sysbus.ReadDoubleWord(NetworkVectorTable + 4, network);
                return (stackPointer | entry) != 0 && (stackPointer & entry) != uint.MaxValue;
            }
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
