using System;

using Antmicro.Renode.Peripherals;

namespace Antmicro.Renode.Core.Structure.Registers
{
    [Flags]
    public enum FieldMode
    {
        Read = 1,
        Write = 2,
    }

    public interface IRegisterField<T>
    {
        T Value { get; set; }
    }

    public interface IFlagRegisterField : IRegisterField<bool>
    {
    }

    public interface IValueRegisterField : IRegisterField<ulong>
    {
    }

    public class DoubleWordRegister
    {
    }

    // The members with `out` take the same as those without.
    public static class RegisterGenericExtensions
    {
        public static DoubleWordRegister WithFlag(this DoubleWordRegister register, int position, FieldMode mode = FieldMode.Read | FieldMode.Write,
            Action<bool, bool> readCallback = null, Action<bool, bool> writeCallback = null, Action<bool, bool> changeCallback = null,
            Func<bool, bool> valueProviderCallback = null, bool softResettable = true, string name = null)
        {
            return register;
        }

        public static DoubleWordRegister WithFlag(this DoubleWordRegister register, int position, out IFlagRegisterField field,
            FieldMode mode = FieldMode.Read | FieldMode.Write, Action<bool, bool> readCallback = null, Action<bool, bool> writeCallback = null,
            Action<bool, bool> changeCallback = null, Func<bool, bool> valueProviderCallback = null, bool softResettable = true, string name = null)
        {
            field = null;
            return register;
        }

        public static DoubleWordRegister WithValueField(this DoubleWordRegister register, int position, int width,
            FieldMode mode = FieldMode.Read | FieldMode.Write, Action<ulong, ulong> readCallback = null, Action<ulong, ulong> writeCallback = null,
            Action<ulong, ulong> changeCallback = null, Func<ulong, ulong> valueProviderCallback = null, bool softResettable = true, string name = null)
        {
            return register;
        }

        public static DoubleWordRegister WithValueField(this DoubleWordRegister register, int position, int width, out IValueRegisterField field,
            FieldMode mode = FieldMode.Read | FieldMode.Write, Action<ulong, ulong> readCallback = null, Action<ulong, ulong> writeCallback = null,
            Action<ulong, ulong> changeCallback = null, Func<ulong, ulong> valueProviderCallback = null, bool softResettable = true, string name = null)
        {
            field = null;
            return register;
        }

        public static DoubleWordRegister WithReservedBits(this DoubleWordRegister register, int position, int width, uint? allowedValue = null)
        {
            return register;
        }

        public static DoubleWordRegister WithWriteCallback(this DoubleWordRegister register, Action<uint, uint> callback)
        {
            return register;
        }
    }

    public static class RegisterDefinitionExtensions
    {
        public static DoubleWordRegister Define(this Enum offset, BasicDoubleWordPeripheral peripheral, uint resetValue = 0, string name = "")
        {
            return new DoubleWordRegister();
        }

        public static void DefineMany(this Enum offset, BasicDoubleWordPeripheral peripheral, uint count, Action<DoubleWordRegister, int> setup,
            uint stepInBytes = 4, uint resetValue = 0, string name = "")
        {
        }
    }
}
