using System;
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Core.Structure.Registers;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals
{
    public interface IPeripheral : IEmulationElement
    {
        void Reset();
    }

    public interface IKnownSize
    {
        long Size { get; }
    }

    // The registers of a peripheral are those of its word; base of the models in renode/.
    public abstract class BasicDoubleWordPeripheral : Bus.IBusPeripheral
    {
        protected BasicDoubleWordPeripheral(IMachine machine)
        {
            this.machine = machine;
        }

        public virtual void Reset()
        {
        }

        public virtual uint ReadDoubleWord(long offset)
        {
            return 0;
        }

        public virtual void WriteDoubleWord(long offset, uint value)
        {
        }

        protected readonly IMachine machine;

        protected Bus.IBusController sysbus => machine.SystemBus;
    }
}

namespace Antmicro.Renode.Peripherals.Bus
{
    public interface IBusPeripheral : IPeripheral
    {
    }

    public interface IMemory : IBusPeripheral
    {
    }

    public interface IBusRegistered<out T> where T : IBusPeripheral
    {
        T Peripheral { get; }
    }

    public interface IBusController
    {
        IEnumerable<ICPU> GetCPUs();

        IEnumerable<IBusRegistered<IBusPeripheral>> GetRegisteredPeripherals(IPeripheral context = null);

        uint ReadDoubleWord(ulong address, IPeripheral context = null);

        void WriteDoubleWord(ulong address, uint value, IPeripheral context = null);

        byte[] ReadBytes(ulong address, int count, bool onlyMemory = false, IPeripheral context = null);
        void WriteByte(ulong address, byte value, IPeripheral context = null, ulong? cpuState = null);

        bool TryGetCurrentCPU(out ICPU cpu);

        void AddWatchpointHook(ulong address, SysbusAccessWidth width, Access access, BusHookDelegate hook);

        void RemoveWatchpointHook(ulong address, BusHookDelegate hook);
    }

    public enum SysbusAccessWidth
    {
        Byte = 1,
        Word = 2,
        DoubleWord = 4,
        QuadWord = 8,
    }

    public enum Access
    {
        Read = 1,
        Write = 2,
    }

    public delegate void BusHookDelegate(ICpuSupportingGdb cpu, ulong address, SysbusAccessWidth access, ulong value);

    public class BusHookHandler
    {
        public BusHookHandler(BusHookDelegate action, SysbusAccessWidth width)
        {
        }

        public bool ContainsAction(BusHookDelegate actionToTest) => false;
    }

    [Flags]
    public enum AllowedTranslation
    {
        ByteToWord = 1,
        ByteToDoubleWord = 2,
        WordToByte = 4,
        WordToDoubleWord = 8,
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class AllowedTranslationsAttribute : Attribute
    {
        public AllowedTranslationsAttribute(AllowedTranslation allowed)
        {
        }
    }
}

namespace Antmicro.Renode.Peripherals.CPU
{
    public enum EmulationCPUState
    {
        InReset,
        Running,
    }

    public enum ExecutionMode
    {
        Continuous,
        SingleStep,
    }

    public interface ICPU : IPeripheral
    {
        void Resume();

        void SyncTime();

        event Action<ICPU, EmulationCPUState, EmulationCPUState> StateChanged;

        bool IsHalted { get; set; }

        ulong ExecutedInstructions { get; }

        bool OnPossessedThread { get; }

        EmulationCPUState EmulationState { get; }

        ExecutionMode ExecutionMode { get; set; }

        TimeHandle TimeHandle { get; }
    }

    public struct RegisterValue
    {
        public static implicit operator ulong(RegisterValue value)
        {
            return 0;
        }

        public static implicit operator uint(RegisterValue value)
        {
            return 0;
        }

        public static implicit operator RegisterValue(ulong value)
        {
            return default(RegisterValue);
        }

        public static implicit operator RegisterValue(uint value)
        {
            return default(RegisterValue);
        }

        public ulong RawValue => 0;
    }

    public enum PrivilegeLevel
    {
        User = 0,
        Machine = 3,
    }

    public interface ICpuSupportingGdb : ICPU
    {
    }

    public delegate void CpuAddressHook(ICpuSupportingGdb cpu, ulong address);

    public abstract class TranslationCPU : ICpuSupportingGdb
    {
        public void AddHook(ulong address, CpuAddressHook hook)
        {
        }

        public void RemoveHook(ulong address, CpuAddressHook hook)
        {
        }

        public bool UpdateContextOnLoadAndStore { get; set; }

        public void AddHookAtInterruptBegin(Action<ulong> hook)
        {
        }

        public void AddHookAtInterruptEnd(Action<ulong> hook)
        {
        }

        public RegisterValue PC { get; set; }

        public RegisterValue SP { get; set; }

        public IBusController Bus => null;

        public virtual void Reset()
        {
        }

        public void Resume()
        {
        }

        public void SyncTime()
        {
        }

        public event Action<ICPU, EmulationCPUState, EmulationCPUState> StateChanged
        {
            add { }
            remove { }
        }

        public bool IsHalted { get; set; }

        public uint PerformanceInMips { get; set; }

        public ulong ExecutedInstructions => 0;

        public bool OnPossessedThread => false;

        public EmulationCPUState EmulationState => EmulationCPUState.InReset;

        public ExecutionMode ExecutionMode { get; set; }

        public TimeHandle TimeHandle => null;
    }

    public class CortexM : TranslationCPU
    {
        public uint XProgramStatusRegister => 0;

        public uint VectorTableOffset { get; set; }
    }

    public abstract class BaseRiscV : TranslationCPU
    {
        public void ClicPresentInterrupt(int index, bool vectored, int level, PrivilegeLevel mode)
        {
        }

        public void AddPreOpcodeExecutionHook(ulong mask, ulong value, Action<ulong, ulong> action)
        {
        }

        public void EnablePreOpcodeExecutionHooks(uint value)
        {
        }

        public bool InstallCustomInstruction(string pattern, Action<ulong> handler, string name = null)
        {
            return true;
        }

        public void RegisterCSR(ushort csr, Func<ulong> readOperation, Action<ulong> writeOperation, string name = null)
        {
        }

        public void RegisterCustomCSR(string name, ushort number, PrivilegeLevel mode)
        {
        }

        public ulong ResetVector { get; set; }

        protected virtual ulong ReadCSRInner(ulong csr)
        {
            return 0;
        }

        protected bool IsInterrupt(ulong exceptionIndex)
        {
            return false;
        }

        public enum PrivilegedArchitecture
        {
            Priv1_11,
            PrivUnratified,
        }

        public enum PrivilegeLevels
        {
            Machine,
            MachineSupervisorUser,
        }
    }

    public class RiscV32 : BaseRiscV
    {
        public RiscV32(IMachine machine, string cpuType, object timeProvider = null, uint hartId = 0,
            PrivilegedArchitecture privilegedArchitecture = PrivilegedArchitecture.Priv1_11, bool allowUnalignedAccesses = false,
            PrivilegeLevels privilegeLevels = PrivilegeLevels.MachineSupervisorUser)
        {
        }

        public RegisterValue GetRegister(int register)
        {
            return default(RegisterValue);
        }

        public void SetRegister(int register, RegisterValue value)
        {
        }

        public RegisterValue MSTATUS { get; set; }

        public RegisterValue MTVEC { get; set; }

        public RegisterValue MCAUSE { get; set; }

        public RegisterValue MEPC { get; set; }
    }
}

namespace Antmicro.Renode.Peripherals.IRQControllers
{
    public class CoreLocalInterruptController
    {
        public CoreLocalInterruptController(IMachine machine, BaseRiscV cpu, uint numberOfInterrupts = 4096)
        {
        }
    }

    public class NVIC : IPeripheral
    {
        public void Reset()
        {
        }

        public int FindPendingInterrupt()
        {
            return -1;
        }

        public ulong Frequency { get; set; }
    }
}

namespace Antmicro.Renode.Peripherals.UART
{
    public enum Parity
    {
        None = 2,
    }

    public enum Bits
    {
        One = 1,
    }

    public interface IUART : IPeripheral
    {
        event Action<byte> CharReceived;

        void WriteChar(byte value);

        uint BaudRate { get; }

        Bits StopBits { get; }

        Parity ParityBit { get; }
    }
}

namespace Antmicro.Renode.Peripherals.Timers
{
    public class LimitTimer
    {
        public LimitTimer(IClockSource clockSource, ulong frequency, IPeripheral owner, string localName, ulong limit = ulong.MaxValue,
            Direction direction = Direction.Descending, bool enabled = false, WorkMode workMode = WorkMode.Periodic, bool eventEnabled = false,
            bool autoUpdate = false, int divider = 1, ulong step = 1)
        {
        }

        public void ResetValue()
        {
        }

        public bool Enabled { get; set; }

        public ulong Limit { get; set; }

        public ulong Value { get; set; }

        public event Action LimitReached
        {
            add { }
            remove { }
        }
    }
}
