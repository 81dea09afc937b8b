//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System.Globalization;
using System.Linq;

using Antmicro.Renode.Core;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public static class LockstepExtensions
    {
        // The lockstep of the Monitor: `ipcapp RunUntilInterrupt 1000` prints whether a line of ipcapp is high, and
        // `ipcapp EndLockstep` comes before anything else that lets time pass.
        public static bool RunUntilInterrupt(this IDoorbell ipc, ulong microseconds)
        {
            return RunUntilAny(ipc, microseconds, DoorbellLines.Of(ipc).Select(output => output.Value).ToArray(), null);
        }

        // The same for any lines, and for the doorbells of a journal. Not for the Monitor, which has no such arguments.
        public static bool RunUntilAny(this IDoorbell ipc, ulong microseconds, GPIO[] ending, DoorbellJournal journal)
        {
            if(lockstep == null || !lockstep.IsUsable)
            {
                EndLockstep(ipc);
                lockstep = new Lockstep(ipc.GetMachine());
            }
            foreach(var line in lines.Except(ending))
            {
                lockstep.RemoveLine(line);
            }
            foreach(var line in ending)
            {
                lockstep.AddLine(line);
            }
            lines = ending;
            if(journal != null)
            {
                journal.HoldOnTask = lockstep;
            }
            return lockstep.Advance(microseconds);
        }

        public static void EndLockstep(this IDoorbell _)
        {
            lockstep?.Dispose();
            lockstep = null;
            lines = new GPIO[0];
        }

        // As text, which the Monitor prints as it is: a number would come in hexadecimal digits.
        public static string ElapsedNanoseconds(this IDoorbell ipc)
        {
            var ticks = ipc.GetMachine().ElapsedVirtualTime.TimeElapsed.Ticks;
            return (ticks / TimeInterval.TicksPerNanosecond).ToString(CultureInfo.InvariantCulture);
        }

        private static Lockstep lockstep;
        private static GPIO[] lines = new GPIO[0];
    }
}
