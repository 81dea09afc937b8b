//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // A gate between the emulation and sequential code outside of it, for example Python that plays a core.
    //
    // A RunFor cannot be ended early, and on Mono a callback that waits in Python stops the whole process. So the
    // emulation runs in a thread of its own and waits here, in C#, at a synchronization point, whenever the owner of
    // the gate works; Advance lets it go on until an interrupt line rises or a time has passed.
    //
    // As long as the gate exists, the emulation is held or advances, and nobody else may let it run: RunFor and
    // start would mix both times. Registers, memory, IsHalted and resets of single cores can be used while it is held;
    // LoadELF and Save need a Dispose before, and a new gate after.
    public sealed class Lockstep : IDisposable
    {
        // Returns when the emulation is held at the next synchronization point, at most one quantum later.
        public Lockstep(IMachine machine)
        {
            if(machine == null)
            {
                throw new RecoverableException("A lockstep needs a machine");
            }
            emulation = EmulationManager.Instance.CurrentEmulation;
            if(emulation.IsStarted)
            {
                throw new RecoverableException("The emulation runs by itself; pause it before a lockstep is made");
            }
            if(!emulation.Machines.Contains(machine))
            {
                throw new RecoverableException("The machine does not belong to the current emulation; fetch it again after a Load or Clear");
            }
            timeSource = machine.LocalTimeSource;
            Occupy(this);
            EmulationManager.Instance.EmulationChanged += Abandon;

            RequestHold();
            runner = new Thread(Run) { IsBackground = true, Name = "Lockstep" };
            runner.Start();
            held.WaitOne();
            if(failure != null)
            {
                Dispose();
                CheckUsable();
            }
        }

        // A rising edge of this line ends an Advance from now on.
        public void AddLine(GPIO line)
        {
            if(line == null)
            {
                throw new RecoverableException("A line of a lockstep must not be null");
            }
            if(!lines.Contains(line))
            {
                lines.Add(line);
                line.AddStateChangedHook(OnLineChanged);
            }
        }

        public void RemoveLine(GPIO line)
        {
            if(lines.Remove(line))
            {
                line.RemoveStateChangedHook(OnLineChanged);
            }
        }

        // Lets virtual time pass, and returns true if a line is high: at once if one is high already, else at the
        // first synchronization point after one rose. Returns false when the time has passed, or a hold was requested.
        public bool Advance(ulong microseconds)
        {
            CheckThread();
            if(!Monitor.TryEnter(use))
            {
                throw new RecoverableException("Another thread advances this lockstep");
            }
            try
            {
                CheckUsable();
                if(microseconds > MaximumMicroseconds)
                {
                    throw new RecoverableException(string.Format("Cannot advance by {0} microseconds at once; {1} is the maximum",
                        microseconds, MaximumMicroseconds));
                }
                if(!isStanding && (microseconds == 0 || IsAnyLineHigh))
                {
                    return IsAnyLineHigh;
                }
                return AdvanceTo(timeSource.ElapsedVirtualTime + TimeInterval.FromMicroseconds(microseconds));
            }
            finally
            {
                Monitor.Exit(use);
            }
        }

        // Ends the Advance that is under way at the next synchronization point. For hooks: may be called on any thread.
        public void RequestHold()
        {
            holdRequested = true;
            timeSource.ExecuteInNearestSyncedState(Hold);
        }

        // For hooks: holds the emulation where it is, in the middle of a quantum at this time of the core that executes, and
        // returns as it goes on, which is with the next Advance. Does nothing, not even `announce`, while nobody holds it.
        public static void StandInCurrent(ulong nanoseconds, Action announce)
        {
            Lockstep lockstep;
            lock(occupation)
            {
                lockstep = current;
            }
            if(lockstep != null && !lockstep.closing)
            {
                announce();
                lockstep.standingSince = nanoseconds;
                lockstep.isStanding = true;
                lockstep.held.Set();
                lockstep.goOn.WaitOne();
            }
        }

        // The time of the core that stands in a hook; false while none does.
        public static bool TryGetStandingTime(out ulong nanoseconds)
        {
            var lockstep = current;
            nanoseconds = lockstep?.standingSince ?? 0;
            return lockstep != null && lockstep.isStanding;
        }

        // For who writes down so much that somebody has to read it, whoever that is.
        public static void RequestHoldOfCurrent()
        {
            lock(occupation)
            {
                if(current != null && !current.closing)
                {
                    current.RequestHold();
                }
            }
        }

        public ulong GetMicroseconds()
        {
            return timeSource.ElapsedVirtualTime.Ticks / TimeInterval.TicksPerMicrosecond;
        }

        public ulong GetNanoseconds()
        {
            return timeSource.ElapsedVirtualTime.Ticks / TimeInterval.TicksPerNanosecond;
        }

        // Lets the emulation go and returns when it is paused. The RunFor that is under way ends by itself, so up to
        // RunMilliseconds of virtual time pass in which nobody looks at the lines.
        public void Dispose()
        {
            CheckThread();
            if(!Monitor.TryEnter(use))
            {
                throw new RecoverableException("Another thread advances this lockstep; it can be disposed when that has returned");
            }
            try
            {
                if(disposed)
                {
                    return;
                }
                disposed = true;
                if(!closing)
                {
                    closing = true;
                    resume.Set();
                    GoOn();
                    runner.Join();
                    Release();
                }
            }
            finally
            {
                Monitor.Exit(use);
            }
        }

        public bool IsAnyLineHigh => lines.Any(line => line.IsSet);

        // Whether there is one, which may be about to end.
        public static bool Exists
        {
            get
            {
                lock(occupation)
                {
                    return current != null;
                }
            }
        }

        public bool IsUsable => !closing && failure == null;

        // The virtual time of one RunFor. A longer one costs more at Dispose, a shorter one for every start of the cores.
        public const ulong RunMilliseconds = 10;

        private static void Occupy(Lockstep lockstep)
        {
            lock(occupation)
            {
                if(current != null)
                {
                    throw new RecoverableException("There is a lockstep for this emulation already; dispose it first");
                }
                current = lockstep;
            }
        }

        private bool AdvanceTo(TimeInterval until)
        {
            deadline = until;
            if(!isStanding)
            {
                // An edge that came while the emulation was held is no reason to stop: the level was looked at.
                holdRequested = false;
                WaitForCores();
            }
            else if(IsAnyLineHigh)
            {
                RequestHold();
            }
            var limit = timeSource.ExecuteInSyncedState(Hold, new TimeStamp(until, timeSource.Domain));
            if(!GoOn())
            {
                resume.Set();
            }
            held.WaitOne();
            timeSource.CancelActionToExecuteInSyncedState(limit);
            CheckUsable();
            return IsAnyLineHigh;
        }

        private bool GoOn()
        {
            var stood = isStanding;
            isStanding = false;
            if(stood)
            {
                goOn.Set();
            }
            return stood;
        }

        // A hook that waited for the emulation which waits for the hook would wait for ever.
        private void CheckThread()
        {
            if(Thread.CurrentThread == runner)
            {
                throw new RecoverableException("A lockstep cannot be used from within the emulation that it runs");
            }
        }

        private void CheckUsable()
        {
            if(failure != null)
            {
                throw new RecoverableException("The emulation failed and must be cleared: " + failure.Message, failure);
            }
            if(disposed)
            {
                throw new RecoverableException("The lockstep is disposed; make a new one");
            }
            if(closing)
            {
                throw new RecoverableException("The emulation of this lockstep is gone; make a new one");
            }
        }

        // The body of the runner. An exception that leaves a thread ends the process.
        private void Run()
        {
            try
            {
                while(!closing)
                {
                    // As RunFor does it, but here because of the wait.
                    foreach(var machine in emulation.Machines)
                    {
                        machine.Start();
                    }
                    WaitForCores();
                    emulation.RunFor(TimeInterval.FromMilliseconds(RunMilliseconds));
                }
            }
            catch(Exception e)
            {
                if(!closing)
                {
                    failure = e;
                }
            }
            finally
            {
                held.Set();
            }
        }

        // Cores that execute one after the other change places when the thread of the first is not up yet as its time
        // is granted, and from there on the run is another one. So no time is granted before all threads are up.
        private void WaitForCores()
        {
            var waited = Stopwatch.StartNew();
            foreach(var cpu in emulation.Machines.SelectMany(machine => machine.SystemBus.GetCPUs()))
            {
                if(!cpu.IsHalted)
                {
                    // A reset pauses the core, and the end of a halt resumes only one that had run before: time would
                    // wait for the others for ever. A core that is not paused is left alone.
                    cpu.Resume();
                }
                while(IsExpectedToRun(cpu) && !cpu.TimeHandle.SinkSideActive && waited.ElapsedMilliseconds < MaximumStartMilliseconds)
                {
                    Thread.Yield();
                }
            }
        }

        private static bool IsExpectedToRun(ICPU cpu)
        {
            return !cpu.IsHalted && cpu.EmulationState == EmulationCPUState.Running && cpu.ExecutionMode == ExecutionMode.Continuous;
        }

        // Runs in the synchronization phase. Several reasons can ask for the same synchronization point, and a request
        // that was queued while the emulation was held comes late: whether to hold is decided by what is true now.
        private void Hold(TimeStamp _)
        {
            if(closing || (!holdRequested && timeSource.ElapsedVirtualTime < deadline))
            {
                return;
            }
            holdRequested = false;
            deadline = TimeInterval.Maximal;
            held.Set();
            resume.WaitOne();
        }

        private void OnLineChanged(bool value)
        {
            if(value)
            {
                RequestHold();
            }
        }

        // The emulation was replaced or cleared with the gate closed: let the thread end, it has nothing to hold.
        private void Abandon()
        {
            closing = true;
            Release();
            resume.Set();
            GoOn();
        }

        private void Release()
        {
            EmulationManager.Instance.EmulationChanged -= Abandon;
            foreach(var line in lines.ToArray())
            {
                RemoveLine(line);
            }
            lock(occupation)
            {
                if(current == this)
                {
                    current = null;
                }
            }
        }

        private volatile bool holdRequested;
        private volatile bool closing;
        private volatile bool disposed;
        private volatile bool isStanding;
        private ulong standingSince;
        private volatile Exception failure;
        private TimeInterval deadline = TimeInterval.Maximal;

        private readonly Emulation emulation;
        private readonly TimeSourceBase timeSource;
        private readonly Thread runner;
        private readonly List<GPIO> lines = new List<GPIO>();
        private readonly object use = new object();
        private readonly AutoResetEvent held = new AutoResetEvent(false);
        private readonly AutoResetEvent resume = new AutoResetEvent(false);
        private readonly AutoResetEvent goOn = new AutoResetEvent(false);

        private static Lockstep current;
        private static readonly object occupation = new object();

        private const ulong MaximumMicroseconds = 1000000000000; // 11 days
        private const int MaximumStartMilliseconds = 1000;
    }
}
