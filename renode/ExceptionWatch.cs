//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.IRQControllers;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Writes down the faults that the cores of a machine take, a core that can take one no more, and an interrupt whose
    // handler returns again and again without clearing its cause.
    //
    // Renode only marks a fault as pending. Where it cannot be taken, as in a handler of faults, the instruction faults
    // for ever, and mostly no virtual time passes: the core is halted then, as the SoC's is locked up.
    public sealed class ExceptionWatch
    {
        // The source of a record is the place of the core in the machine, beside what Pack puts there.
        public ExceptionWatch(IMachine machine, RecordBlock block, Action written)
        {
            this.block = block;
            this.written = written;
            ForEachCore(machine, Follow, Follow);
        }

        private void Follow(CortexM cpu, NVIC nvic, int place)
        {
            var lines = nvic == null ? null : GetField(nvic, "irqs");
            var line = lines?.GetType().GetProperty("Item");
            var storm = new Streak();
            var begin = WatchFaults(cpu, cause => cause == InterruptCause, Faults, cause => Pack(place, cause, GetException(cpu)));
            Action<ulong> end = _ =>
            {
                var number = GetException(cpu);
                // Its line is still high as the handler returns, so the interrupt is taken again at once.
                if(line == null || (Convert.ToInt32(line.GetValue(lines, new object[] { (int)number })) & LineIsHigh) == 0)
                {
                    storm.Clear();
                }
                else if(storm.Add(number, 0) == StormAfter)
                {
                    block.Add(RecordKind.Storm, Pack(place, 0, 0), (uint)number);
                    written();
                }
            };
            cpu.AddHookAtInterruptBegin(begin);
            cpu.AddHookAtInterruptEnd(end);
            block.OnDispose(() =>
            {
                Remove(cpu, "RemoveHookAtInterruptBegin", begin);
                Remove(cpu, "RemoveHookAtInterruptEnd", end);
            });
        }

        // Of a VPR the cause is that in mcause; an ECALL is no fault.
        private void Follow(CPU.NRF_VPR cpu, int place)
        {
            var begin = WatchFaults(cpu, cause => (cause & 1ul << 31) != 0, Traps, cause => Pack(place, cause, 0));
            cpu.AddHookAtInterruptBegin(begin);
            block.OnDispose(() => Remove(cpu, "RemoveHookAtInterruptBegin", begin));
        }

        private Action<ulong> WatchFaults(TranslationCPU cpu, Func<ulong, bool> isInterrupt, HashSet<ulong> faults, Func<ulong, int> pack)
        {
            var times = new Dictionary<ulong, int>();
            var fault = new Streak();
            return cause =>
            {
                if(isInterrupt(cause))
                {
                    fault.Clear();
                    return;
                }
                if(!faults.Contains(cause))
                {
                    return;
                }
                var pc = cpu.PC.RawValue;
                var count = fault.Add(cause, pc);
                if(count == 1)
                {
                    times.TryGetValue(pc, out var before);
                    if(before < MostFaults)
                    {
                        times[pc] = before + 1;
                        block.Add(RecordKind.FaultTaken, pack(cause), (uint)pc);
                    }
                    if(before + 1 == MostFaults)
                    {
                        written();
                    }
                }
                else if(count == LockedUpAfter)
                {
                    block.Add(RecordKind.LockedUp, pack(cause), (uint)pc);
                    cpu.IsHalted = true;
                    written();
                }
            };
        }

        private static int Pack(int place, ulong cause, ulong exception)
        {
            return place | (int)cause << 4 | (int)Math.Min(exception, 127) << 9;
        }

        internal static ulong GetException(CortexM cpu)
        {
            return cpu.XProgramStatusRegister & 0x1FF;
        }

        // Calls one of two for each core, with its place among all: a Cortex-M with its NVIC, null if it has none.
        internal static void ForEachCore(IMachine machine, Action<CortexM, NVIC, int> followArm, Action<CPU.NRF_VPR, int> followVpr)
        {
            var nvics = machine.GetPeripheralsOfType<NVIC>().ToList();
            var place = 0;
            foreach(var cpu in machine.SystemBus.GetCPUs())
            {
                var core = cpu as CortexM;
                var vpr = cpu as CPU.NRF_VPR;
                if(core != null)
                {
                    followArm(core, nvics.FirstOrDefault(nvic => GetField(nvic, "cpu") == core), place);
                }
                else if(vpr != null)
                {
                    followVpr(vpr, place);
                }
                place++;
            }
        }

        private static object GetField(NVIC nvic, string name)
        {
            return typeof(NVIC).GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(nvic);
        }

        // Renode has no public way back. Where this one is missing, too, the hook goes on and writes nothing any more.
        internal static void Remove(TranslationCPU cpu, string method, Action<ulong> hook)
        {
            var found = typeof(TranslationCPU).GetMethod(method, BindingFlags.Instance | BindingFlags.NonPublic);
            found?.Invoke(cpu, new object[] { hook });
        }

        // The same thing at the same place, without anything else between.
        private sealed class Streak
        {
            public int Add(ulong what, ulong where)
            {
                if(count == 0 || this.what != what || this.where != where)
                {
                    count = 0;
                    this.what = what;
                    this.where = where;
                }
                return ++count;
            }

            public void Clear()
            {
                count = 0;
            }

            private ulong what;
            private ulong where;
            private int count;
        }

        private readonly RecordBlock block;
        private readonly Action written;

        // Numbers of Renode's translation library: undefined, prefetch abort, data abort, BKPT, no coprocessor, invalid state.
        private static readonly HashSet<ulong> Faults = new HashSet<ulong> { 1, 3, 4, 7, 17, 18 };
        private static readonly HashSet<ulong> Traps = new HashSet<ulong> { 0, 1, 2, 3, 4, 5, 6, 7 };
        internal const ulong InterruptCause = 5;
        private const int LockedUpAfter = 16;
        private const int MostFaults = 1000; // at one place; it is a loop then, and nobody needs more of them
        private const int StormAfter = 20000;
        private const int LineIsHigh = 1; // NVIC.IRQState.Running
    }
}
