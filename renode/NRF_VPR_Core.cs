//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.IRQControllers;

namespace Antmicro.Renode.Peripherals.CPU
{
    // VPR, the RISC-V core of the nRF54: RV32E with M, C, A and Zicsr, machine mode alone. Beside Renode's RiscV32 it has
    //
    // - the hardware stacking: an interrupt pushes twelve words, an exception two, and mret pops them;
    // - interrupts from an NRF_CLIC, through the table at mtvt; the mode of mtvec is always that of a CLIC;
    // - with wfiNeedsMie a WFI from which nothing wakes it while mstatus.MIE is 0 (erratum 93 of the nRF54H20);
    // - CSRs of VEVIF, which are a model on its bus (NRF_VEVIF_CSR).
    public class NRF_VPR : RiscV32
    {
        public NRF_VPR(IMachine machine, NRF_CLIC clic, uint hartId = 0, bool wfiNeedsMie = false)
            : base(machine, "rv32emac_zicsr", hartId: hartId, privilegedArchitecture: PrivilegedArchitecture.PrivUnratified,
                privilegeLevels: PrivilegeLevels.Machine, allowUnalignedAccesses: true)
        {
            this.clic = clic;
            this.wfiNeedsMie = wfiNeedsMie;
            // Renode's own CLIC is silent: its core asks it at each interrupt, and it has none.
            new CoreLocalInterruptController(machine, this, numberOfInterrupts: 2);
            clic.AttachCPU(this);
            ResetVector = 0;
            MTVEC = ClicMode;

            AddHookAtInterruptBegin(Enter);
            AddPreOpcodeExecutionHook(uint.MaxValue, MachineReturn, (_, __) => Leave());
            AddPreOpcodeExecutionHook(uint.MaxValue, WaitForInterrupt, (_, __) => Sleep());
            EnablePreOpcodeExecutionHooks(1);
            InstallCustomInstruction(VevifAccess, AccessVevif, "VEVIF");
            RegisterCSR(TrapVector, () => (ulong)MTVEC, value => MTVEC = (uint)value | ClicMode, "mtvec");
            RegisterCSR(InterruptStatus, () => (ulong)level << 24, _ => { }, "mintstatus");
            RegisterCustomCSR("nordicctrl", Control, PrivilegeLevel.Machine);
            RegisterCustomCSR("sleepctrl", SleepControl, PrivilegeLevel.Machine);
            RegisterCSR(Isa, () => 0x40001016, _ => { }, "misa"); // RV32, M, E, C; and B, which it does not have here
            RegisterCSR(VendorId, () => 0x144, _ => { }, "mvendorid");
            RegisterCSR(ArchitectureId, () => 0x8000006E, _ => { }, "marchid");
            RegisterCSR(ImplementationId, () => 0x00010403, _ => { }, "mimpid");
        }

        public override void Reset()
        {
            base.Reset();
            level = 0;
            sleepsForEver = false;
            MTVEC = ClicMode;
            clic.Present();
        }

        // Offers an interrupt of this level, or none; the core takes it when its own level and MIE allow it.
        public void Offer(int interrupt, int interruptLevel)
        {
            var isOffered = interrupt != NRF_CLIC.None && !sleepsForEver;
            ClicPresentInterrupt(isOffered ? FirstCode + interrupt : NRF_CLIC.None, isOffered, interruptLevel, PrivilegeLevel.Machine);
            offeredLevel = interruptLevel;
        }

        protected override ulong ReadCSRInner(ulong csr)
        {
            return csr == ClicBase ? AddressOfClic : base.ReadCSRInner(csr);
        }

        private static uint GetFrameSize(bool isInterrupt)
        {
            return 4u * (isInterrupt ? (uint)StackedRegisters.Length + 2 : 2);
        }

        // An interrupt or an exception is about to be taken: PC is the return address.
        private void Enter(ulong index)
        {
            var isInterrupt = IsInterrupt(index);
            var cause = (uint)index & CodeMask | level << LevelShift | (IsEnabled ? 1u : 0) << 27 | 3u << 28;
            var stack = (uint)SP;
            var moved = (stack >> 2) & 1;
            stack = (stack & ~7u) - GetFrameSize(isInterrupt);
            SP = stack;
            if(isInterrupt)
            {
                foreach(var register in StackedRegisters)
                {
                    Push(ref stack, (uint)GetRegister(register));
                }
                clic.Take((int)(index & CodeMask) - FirstCode);
                level = (uint)offeredLevel;
                cause |= InterruptFlag;
            }
            Push(ref stack, cause);
            Push(ref stack, (uint)PC | moved);
        }

        // mret is about to be executed: mcause says which frame it pops. The level that comes back is in the frame, and MIE
        // in mstatus. Afterwards mcause is the stacked one, an interrupt's if the handler of one goes on.
        private void Leave()
        {
            var stack = (uint)SP;
            if(((uint)MCAUSE & InterruptFlag) != 0)
            {
                foreach(var register in StackedRegisters)
                {
                    SetRegister(register, Pop(ref stack));
                }
            }
            var cause = Pop(ref stack);
            var target = Pop(ref stack);
            level = (cause >> LevelShift) & 0xFF;
            MCAUSE = cause & ~InterruptFlag | (level != 0 ? InterruptFlag : 0);
            SP = stack + 4 * (target & 1);
            MEPC = target & ~1u;
            clic.Present();
        }

        private void Sleep()
        {
            if(wfiNeedsMie && !IsEnabled)
            {
                this.Log(LogLevel.Warning, "WFI with mstatus.MIE = 0 at 0x{0:X8}: nothing wakes the VPR any more", (uint)PC);
                sleepsForEver = true;
                clic.Present();
            }
        }

        // csrrw, csrrs and csrrc of a CSR 0x7E0 to 0x7EF: what each does is told to the model.
        private void AccessVevif(ulong opcode)
        {
            var instruction = (uint)opcode;
            var function = (instruction >> 12) & 7;
            var source = (int)(instruction >> 15) & 0x1F;
            var destination = (int)(instruction >> 7) & 0x1F;
            var address = AddressOfWindow + 0x10 * (instruction >> 20);
            var value = function >= 4 ? (uint)source : (uint)GetRegister(source);
            var before = function == 0 || function == 4 ? 0 : Bus.ReadDoubleWord(address, this);
            switch(function & 3)
            {
            case 1:
                Bus.WriteDoubleWord(address, value, this);
                break;
            case 2:
            case 3:
                if(source != 0)
                {
                    Bus.WriteDoubleWord(address + 4 * ((function & 3) - 1), value, this);
                }
                break;
            }
            if(destination != 0)
            {
                SetRegister(destination, before);
            }
        }

        private void Push(ref uint stack, uint value)
        {
            Bus.WriteDoubleWord(stack, value, this);
            stack += 4;
        }

        private uint Pop(ref uint stack)
        {
            var value = Bus.ReadDoubleWord(stack, this);
            stack += 4;
            return value;
        }

        private bool IsEnabled => ((uint)MSTATUS & InterruptEnable) != 0;

        private uint level; // of the handler that runs, 0 for none
        private int offeredLevel;
        private bool sleepsForEver;

        private readonly bool wfiNeedsMie;
        private readonly NRF_CLIC clic;

        private static readonly int[] StackedRegisters = { 1, 7, 6, 5, 15, 14, 13, 12, 11, 10 }; // ra, t2…t0, a5…a0

        private const uint ClicMode = 3;
        private const uint CodeMask = 0xFFF;
        private const uint InterruptFlag = 1u << 31;
        private const int LevelShift = 16;
        private const uint InterruptEnable = 1u << 3;
        private const int FirstCode = 16; // of interrupt 0 in mcause and in the table at mtvt
        private const uint MachineReturn = 0x30200073;
        private const uint WaitForInterrupt = 0x10500073;
        private const string VevifAccess = "01111110xxxxxxxxxxxxxxxxx1110011";
        private const uint AddressOfClic = 0xF0000000;
        private const uint AddressOfWindow = 0xF0010000;

        private const ushort Isa = 0x301;
        private const ushort TrapVector = 0x305;
        private const ushort InterruptStatus = 0x346;
        private const ushort ClicBase = 0x350;
        private const ushort Control = 0x7C0;
        private const ushort SleepControl = 0x7C1;
        private const ushort VendorId = 0xF11;
        private const ushort ArchitectureId = 0xF12;
        private const ushort ImplementationId = 0xF13;
    }
}
