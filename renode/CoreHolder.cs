//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Linq;

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Holds a core in reset and lets it go, as firmware of another core asks for. While it is held, so is everything that
    // only it can reach; memories keep their contents. The core is halted at first by the scripts, or by whoever makes the
    // machine.
    public abstract class CoreHolder : BasicDoubleWordPeripheral, IKnownSize
    {
        protected CoreHolder(IMachine machine, ICPU core, string name) : base(machine)
        {
            this.core = core;
            this.name = name;
        }

        // What was to start at the next synchronization point starts no more: the register that let it go is as after
        // power-up.
        public override void Reset()
        {
            base.Reset();
            releases++;
        }

        public abstract long Size { get; }

        // When the register is written, not when the core stops or starts; for whoever writes down what happens.
        public event Action CoreHeld;

        public event Action CoreReleased;

        public event Action CoreRestarted;

        protected void Hold()
        {
            if(!isHeld)
            {
                this.Log(LogLevel.Info, "The {0} is held in reset", name);
                CoreHeld?.Invoke();
                ResetCore();
            }
        }

        // The core starts at the next synchronization point. One that is halted and released within the same quantum
        // would confuse the time framework where cores run in parallel.
        protected void Release()
        {
            isHeld = false;
            if(core.IsHalted && !isPlayed && HasImage)
            {
                CoreReleased?.Invoke();
            }
            StartWhenSynced();
        }

        // A reset of the core alone, for its watchdog: may be called by a timer.
        protected void Restart()
        {
            machine.LocalTimeSource.ExecuteInNearestSyncedState(_ =>
            {
                if(!isHeld)
                {
                    this.Log(LogLevel.Info, "The {0} is reset", name);
                    CoreRestarted?.Invoke();
                    ResetCore();
                    isHeld = false;
                    StartWhenSynced();
                }
            });
        }

        // Sets where the core begins; it has been reset.
        protected abstract void SetEntry();

        protected abstract bool HasImage { get; }

        protected bool isHeld;
        protected bool isPlayed; // somebody outside plays the core: it is not started; stays over a reset

        private void ResetCore()
        {
            isHeld = true;
            core.IsHalted = true;
            core.Reset();
            foreach(var peripheral in GetOwnPeripherals())
            {
                peripheral.Reset();
            }
        }

        private void StartWhenSynced()
        {
            var release = ++releases;
            machine.LocalTimeSource.ExecuteInNearestSyncedState(_ => Start(release), true);
        }

        private void Start(int release)
        {
            if(release != releases || isHeld || isPlayed || !core.IsHalted)
            {
                return;
            }
            if(!HasImage)
            {
                this.Log(LogLevel.Info, "The {0} stays halted: there is no image where it begins", name);
                return;
            }
            this.Log(LogLevel.Info, "The {0} starts", name);
            SetEntry();
            core.IsHalted = false;
            // The end of a halt resumes only a core that had run before, but the reset has paused this one, too.
            core.Resume();
        }

        private IEnumerable<IBusPeripheral> GetOwnPeripherals()
        {
            var reachedByOthers = sysbus.GetCPUs().Where(cpu => cpu != core).SelectMany(cpu => sysbus.GetRegisteredPeripherals(cpu));
            return sysbus.GetRegisteredPeripherals(core).Select(x => x.Peripheral)
                .Except(reachedByOthers.Select(x => x.Peripheral))
                .Where(x => !(x is IMemory))
                .ToList();
        }

        protected readonly ICPU core;

        private int releases;

        private readonly string name;
    }
}
