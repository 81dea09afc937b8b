// Stand-ins for the types of Renode that renode/*.cs uses: signatures without behaviour, so that mcs finds a slip where
// there is no Renode. Only what the models use is here; a member that is missing is added as Renode declares it.
using System;
using System.Collections.Generic;

using Antmicro.Renode.Peripherals;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.Timers;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Core
{
    public interface IEmulationElement
    {
    }

    public interface IMachine : IEmulationElement
    {
        void Start();

        void ScheduleAction(TimeInterval delay, Action<TimeInterval> action, string name = null);

        IEnumerable<T> GetPeripheralsOfType<T>() where T : IPeripheral;

        IPeripheral this[string name] { get; }

        IBusController SystemBus { get; }

        IClockSource ClockSource { get; }

        TimeStamp ElapsedVirtualTime { get; }

        TimeSourceBase LocalTimeSource { get; }
    }

    public sealed class Emulation : IDisposable
    {
        public void RunFor(TimeInterval period)
        {
        }

        public void Dispose()
        {
        }

        public bool IsStarted => false;

        public IEnumerable<IMachine> Machines => new IMachine[0];
    }

    public sealed class EmulationManager
    {
        private EmulationManager()
        {
        }

        public static EmulationManager Instance { get; } = new EmulationManager();

        public event Action EmulationChanged
        {
            add { }
            remove { }
        }

        public Emulation CurrentEmulation => null;
    }

    public interface IGPIO
    {
        void Set(bool value);

        bool IsSet { get; }

        IList<GPIOEndpoint> Endpoints { get; }
    }

    public interface IGPIOReceiver : IPeripheral
    {
        void OnGPIO(int number, bool value);
    }

    public interface INumberedGPIOOutput : IPeripheral
    {
        IReadOnlyDictionary<int, IGPIO> Connections { get; }
    }

    public sealed class GPIOEndpoint
    {
        public IGPIOReceiver Receiver => null;

        public int Number => 0;
    }

    public sealed class GPIO : IGPIO
    {
        public void Set(bool value)
        {
        }

        public void AddStateChangedHook(Action<bool> hook)
        {
        }

        public void RemoveStateChangedHook(Action<bool> hook)
        {
        }

        public bool IsSet => false;

        public IList<GPIOEndpoint> Endpoints => new GPIOEndpoint[0];
    }

    public static class PeripheralExtensions
    {
        public static IMachine GetMachine(this IPeripheral peripheral)
        {
            return null;
        }
    }
}

namespace Antmicro.Renode.Exceptions
{
    public class RecoverableException : Exception
    {
        public RecoverableException(string message) : base(message)
        {
        }

        public RecoverableException(string message, Exception inner) : base(message, inner)
        {
        }
    }

    public class ConstructionException : RecoverableException
    {
        public ConstructionException(string message) : base(message)
        {
        }
    }
}

namespace Antmicro.Renode.Logging
{
    public sealed class LogLevel
    {
        private LogLevel()
        {
        }

        public static readonly LogLevel Noisy = new LogLevel();
        public static readonly LogLevel Debug = new LogLevel();
        public static readonly LogLevel Info = new LogLevel();
        public static readonly LogLevel Warning = new LogLevel();
        public static readonly LogLevel Error = new LogLevel();
    }

    public static class Logger
    {
        public static void Log(this Antmicro.Renode.Core.IEmulationElement element, LogLevel level, string message, params object[] arguments)
        {
        }

        public static void NoisyLog(this Antmicro.Renode.Core.IEmulationElement element, string message, params object[] arguments)
        {
        }
    }
}

namespace Antmicro.Renode.Time
{
    public struct TimeInterval : IComparable<TimeInterval>
    {
        public static TimeInterval FromMicroseconds(ulong value)
        {
            return default(TimeInterval);
        }

        public static TimeInterval FromMilliseconds(ulong value)
        {
            return default(TimeInterval);
        }

        public static TimeInterval operator +(TimeInterval left, TimeInterval right)
        {
            return left;
        }

        public static TimeInterval operator -(TimeInterval left, TimeInterval right)
        {
            return left;
        }

        public static bool operator <(TimeInterval left, TimeInterval right)
        {
            return false;
        }

        public static bool operator >(TimeInterval left, TimeInterval right)
        {
            return false;
        }

        public int CompareTo(TimeInterval other)
        {
            return 0;
        }

        public ulong Ticks => 0;

        public static readonly TimeInterval Maximal = default(TimeInterval);

        public const ulong TicksPerMicrosecond = 1000;
        public const ulong TicksPerNanosecond = 1;
    }

    public struct TimeStamp
    {
        public TimeStamp(TimeInterval interval, ITimeDomain domain)
        {
            TimeElapsed = interval;
            Domain = domain;
        }

        public TimeInterval TimeElapsed { get; }

        public ITimeDomain Domain { get; }
    }

    public interface ITimeDomain
    {
    }

    public abstract class TimeSourceBase
    {
        public event Action<TimeInterval> SyncHook
        {
            add { }
            remove { }
        }

        public void ExecuteInNearestSyncedState(Action<TimeStamp> what, bool executeImmediately = false)
        {
        }

        public ulong ExecuteInSyncedState(Action<TimeStamp> what, TimeStamp when)
        {
            return 0;
        }

        public void CancelActionToExecuteInSyncedState(ulong id)
        {
        }

        public TimeInterval ElapsedVirtualTime => default(TimeInterval);

        public ITimeDomain Domain => null;
    }

    public sealed class TimeHandle
    {
        public TimeInterval TotalElapsedTime => default(TimeInterval);

        public bool SinkSideActive => false;
    }

    public enum WorkMode
    {
        OneShot,
        Periodic,
    }

    public enum Direction
    {
        Ascending,
        Descending,
    }

    public interface IClockSource
    {
        TimeInterval CurrentValue { get; }
    }
}
