//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Reflection;

using Antmicro.Renode.Core;
using Antmicro.Renode.Exceptions;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Stops where firmware comes to an address, and writes down which core touches which memory. At a stop the thread of
    // the core waits in its hook until the lockstep goes on: everything stands directly before the instruction.
    //
    // The source of a record is the place of the core in the machine. An access is three records: what was done where,
    // the value (of a store; 0 for a load), and the PC.
    public sealed class FirmwareStops : IDisposable
    {
        public FirmwareStops(IMachine machine, uint capacity)
        {
            block = new RecordBlock(machine, capacity);
            enough = (int)capacity / 2;
            bus = machine.SystemBus;
            stored = (cpu, address, _, value) => Touched(RecordKind.Stored, cpu, address, value);
            loaded = (cpu, address, _, __) => Touched(RecordKind.Loaded, cpu, address, 0);
            var place = 0;
            foreach(var each in bus.GetCPUs())
            {
                var cpu = each as TranslationCPU;
                if(cpu != null)
                {
                    cores.Add(cpu, new Core(cpu, place));
                }
                place++;
            }
            machine.LocalTimeSource.SyncHook += CountAll;
            block.OnDispose(() =>
            {
                machine.LocalTimeSource.SyncHook -= CountAll;
                foreach(var core in cores.Values)
                {
                    core.Wanted.Clear();
                    Apply(core);
                    core.Cpu.UpdateContextOnLoadAndStore = core.UpdatedContext;
                }
                Uninstall(stores.Keys, false);
                Uninstall(loads.Keys, true);
            });
        }

        public void Dispose()
        {
            block.Dispose();
        }

        public string Take(out int lost)
        {
            return block.Take(out lost);
        }

        // Stop this core at an address from now on, or no longer.
        public void BreakAt(ICPU cpu, ulong address, bool wanted)
        {
            var core = Find(cpu);
            if(wanted)
            {
                core.Wanted.Add(address);
            }
            else
            {
                core.Wanted.Remove(address);
            }
            // Renode keeps its list of hooks locked while one of them runs; this core will do it as it goes on.
            if(!core.Stands)
            {
                Apply(core);
            }
        }

        // Write down what this core's stores, or loads, touch from `begin` on, or no longer.
        public void Watch(ICPU cpu, ulong begin, ulong size, bool areLoads, bool wanted)
        {
            var core = Find(cpu);
            if(size == 0 || size > MaximumSize)
            {
                throw new RecoverableException(string.Format("Between 1 and {0} bytes can be watched, not {1}", MaximumSize, size));
            }
            var watched = areLoads ? core.Loads : core.Stores;
            var all = areLoads ? loads : stores;
            var changed = new List<ulong>();
            for(var address = begin; address < begin + size; address++)
            {
                if(Count(watched, address, wanted) && Count(all, address, wanted))
                {
                    changed.Add(address);
                }
            }
            if(wanted)
            {
                Install(changed, areLoads);
            }
            else
            {
                Uninstall(changed, areLoads);
            }
            core.Cpu.UpdateContextOnLoadAndStore = core.UpdatedContext || core.Loads.Count + core.Stores.Count > 0; // for an exact PC
        }

        // The address of a RecordBlock.
        public long Address => block.Address;

        // Counts how often an address is wanted, and returns whether it was not wanted before, or is not any more.
        private static bool Count(Dictionary<ulong, int> counts, ulong address, bool more)
        {
            counts.TryGetValue(address, out var count);
            count += more ? 1 : -1;
            if(count > 0)
            {
                counts[address] = count;
            }
            else
            {
                counts.Remove(address);
            }
            return count == (more ? 1 : 0);
        }

        // Every call of Renode's for a hook looks at all addresses of all hooks: one for a page, and the rest beside it.
        private void Install(IEnumerable<ulong> addresses, bool areLoads)
        {
            var hook = areLoads ? loaded : stored;
            var hooks = GetHooks(areLoads);
            var pages = new HashSet<ulong>();
            foreach(var address in addresses)
            {
                if(pages.Add(address / PageSize) || hooks == null || hooks.ContainsKey(address))
                {
                    bus.AddWatchpointHook(address, AnyWidth, areLoads ? Access.Read : Access.Write, hook);
                }
                else
                {
                    hooks[address] = new List<BusHookHandler> { new BusHookHandler(hook, AnyWidth) };
                }
            }
        }

        private void Uninstall(IEnumerable<ulong> addresses, bool areLoads)
        {
            var hook = areLoads ? loaded : stored;
            var hooks = GetHooks(areLoads);
            var ofPages = new Dictionary<ulong, ulong>();
            foreach(var address in addresses)
            {
                ofPages[address / PageSize] = address;
                if(hooks == null)
                {
                    bus.RemoveWatchpointHook(address, hook);
                }
                else if(hooks.TryGetValue(address, out var handlers))
                {
                    handlers.RemoveAll(handler => handler.ContainsAction(hook));
                    if(handlers.Count == 0)
                    {
                        hooks.Remove(address);
                    }
                }
            }
            foreach(var address in ofPages.Values)
            {
                bus.RemoveWatchpointHook(address, hook); // pages are memory again where nothing else is watched
            }
        }

        private Dictionary<ulong, List<BusHookHandler>> GetHooks(bool areLoads)
        {
            var field = bus.GetType().GetField(areLoads ? "hooksOnRead" : "hooksOnWrite", BindingFlags.Instance | BindingFlags.NonPublic);
            return field?.GetValue(bus) as Dictionary<ulong, List<BusHookHandler>>;
        }

        private void Apply(Core core)
        {
            foreach(var address in new List<ulong>(core.Wanted))
            {
                if(core.Installed.Add(address))
                {
                    core.Cpu.AddHook(address, OnReached);
                }
            }
            foreach(var address in new List<ulong>(core.Installed))
            {
                if(!core.Wanted.Contains(address))
                {
                    core.Installed.Remove(address);
                    core.Cpu.RemoveHook(address, OnReached);
                }
            }
        }

        private void OnReached(ICpuSupportingGdb cpu, ulong address)
        {
            var core = cores[(TranslationCPU)cpu];
            if(!core.Wanted.Contains(address))
            {
                return;
            }
            core.Stands = true;
            Lockstep.StandInCurrent(core.Reported, () => block.Add(RecordKind.Reached, core.Place, (uint)address, core.Reported));
            core.Stands = false;
            Apply(core);
        }

        private void Touched(RecordKind kind, ICpuSupportingGdb cpu, ulong address, ulong value)
        {
            var core = cores[(TranslationCPU)cpu];
            if(!(kind == RecordKind.Stored ? core.Stores : core.Loads).ContainsKey(address))
            {
                return;
            }
            var time = core.GetTime();
            block.Add(kind, core.Place, (uint)address, time);
            block.Add(RecordKind.AccessValue, core.Place, (uint)value, time);
            if(block.Add(RecordKind.AccessPlace, core.Place, (uint)core.Cpu.PC.RawValue, time) >= enough)
            {
                Lockstep.RequestHoldOfCurrent();
            }
        }

        private void CountAll(TimeInterval _)
        {
            foreach(var core in cores.Values)
            {
                core.Count();
            }
        }

        private Core Find(ICPU cpu)
        {
            var found = cpu as TranslationCPU;
            if(found == null || !cores.ContainsKey(found))
            {
                throw new RecoverableException("Firmware can be stopped on a core that Renode translates");
            }
            return cores[found];
        }

        private sealed class Core
        {
            public Core(TranslationCPU cpu, int place)
            {
                Cpu = cpu;
                Place = place;
                UpdatedContext = cpu.UpdateContextOnLoadAndStore;
                Count();
            }

            public void Count()
            {
                since = Reported;
                executed = Cpu.ExecutedInstructions;
            }

            // Within a slice Renode has not counted the instructions to the core's time yet.
            public ulong GetTime()
            {
                var now = Cpu.ExecutedInstructions;
                var mips = Math.Max(1ul, (ulong)Cpu.PerformanceInMips);
                return now < executed ? Reported : Math.Max(Reported, since + (now - executed) * 1000 / mips);
            }

            public TranslationCPU Cpu { get; }

            public int Place { get; }

            public bool UpdatedContext { get; }

            public bool Stands { get; set; }

            public ulong Reported => Cpu.TimeHandle.TotalElapsedTime.Ticks / TimeInterval.TicksPerNanosecond;

            public readonly HashSet<ulong> Wanted = new HashSet<ulong>();
            public readonly HashSet<ulong> Installed = new HashSet<ulong>();
            public readonly Dictionary<ulong, int> Stores = new Dictionary<ulong, int>();
            public readonly Dictionary<ulong, int> Loads = new Dictionary<ulong, int>();

            private ulong since;
            private ulong executed;
        }

        private readonly IBusController bus;
        private readonly RecordBlock block;
        private readonly int enough;
        private readonly BusHookDelegate stored;
        private readonly BusHookDelegate loaded;
        private readonly Dictionary<TranslationCPU, Core> cores = new Dictionary<TranslationCPU, Core>();
        private readonly Dictionary<ulong, int> stores = new Dictionary<ulong, int>();
        private readonly Dictionary<ulong, int> loads = new Dictionary<ulong, int>();

        private const SysbusAccessWidth AnyWidth =
            SysbusAccessWidth.Byte | SysbusAccessWidth.Word | SysbusAccessWidth.DoubleWord | SysbusAccessWidth.QuadWord;
        private const ulong PageSize = 4096;
        private const ulong MaximumSize = 1 << 20;
    }
}
