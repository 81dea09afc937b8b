//
// The mailbox of bell.py for Renode: the same registers, with the hooks by which Python plays a core (IDoorbell).
//
using System;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public class Bell : BasicDoubleWordPeripheral, IDoorbell, IKnownSize
    {
        public Bell(IMachine machine, Bell other = null) : base(machine)
        {
            this.other = other;
            if(other != null)
            {
                other.other = this;
            }
            IRQ = new GPIO();
            DefineRegisters();
        }

        public override void Reset()
        {
            base.Reset();
            rang = 0;
            enabled = 0;
            UpdateInterrupt();
        }

        public long Size => 0x1000;

        public GPIO IRQ { get; }

        public event Action<IDoorbell, int> TaskTriggered;

        private void DefineRegisters()
        {
            Registers.Ring.DefineMany(this, Channels, (register, index) => register
                .WithFlag(0, FieldMode.Write, name: "RING",
                    writeCallback: (_, value) =>
                    {
                        if(value)
                        {
                            TaskTriggered?.Invoke(this, index);
                            other?.Receive(index);
                        }
                    })
                .WithReservedBits(1, 31)
            );

            Registers.Rang.Define(this)
                .WithValueField(0, Channels, name: "RANG",
                    valueProviderCallback: _ => rang,
                    writeCallback: (_, value) =>
                    {
                        rang &= ~(uint)value;
                        UpdateInterrupt();
                    })
                .WithReservedBits(Channels, 32 - Channels);

            Registers.Enable.Define(this)
                .WithValueField(0, Channels, name: "ENABLE",
                    valueProviderCallback: _ => enabled,
                    writeCallback: (_, value) =>
                    {
                        enabled = (uint)value;
                        UpdateInterrupt();
                    })
                .WithReservedBits(Channels, 32 - Channels);

            Registers.Pending.Define(this)
                .WithValueField(0, Channels, FieldMode.Read, name: "PENDING", valueProviderCallback: _ => rang & enabled)
                .WithReservedBits(Channels, 32 - Channels);
        }

        private void Receive(int channel)
        {
            rang |= 1u << channel;
            UpdateInterrupt();
        }

        private void UpdateInterrupt()
        {
            IRQ.Set((rang & enabled) != 0);
        }

        private Bell other;
        private uint rang;
        private uint enabled;

        private const int Channels = 4;

        private enum Registers : long
        {
            Ring = 0x000, // RING[4]
            Rang = 0x010, // RANG
            Enable = 0x014, // ENABLE
            Pending = 0x018, // PENDING
        }
    }
}
