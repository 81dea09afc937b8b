//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using Antmicro.Renode.Core;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public static class LockstepExtensions
    {
        // The lockstep of the Monitor: `ipcapp RunUntilInterrupt 1000` prints whether the line of ipcapp is high, and
        // `ipcapp EndLockstep` comes before anything else that lets time pass.
        public static bool RunUntilInterrupt(this NRF_IPC ipc, ulong microseconds)
        {
            if(lockstep == null || !lockstep.IsUsable)
            {
                EndLockstep(ipc);
                lockstep = new Lockstep(ipc.GetMachine());
            }
            if(line != ipc.IRQ)
            {
                lockstep.RemoveLine(line);
                lockstep.AddLine(ipc.IRQ);
                line = ipc.IRQ;
            }
            return lockstep.Advance(microseconds);
        }

        public static void EndLockstep(this NRF_IPC _)
        {
            lockstep?.Dispose();
            lockstep = null;
            line = null;
        }

        private static Lockstep lockstep;
        private static GPIO line;
    }
}
