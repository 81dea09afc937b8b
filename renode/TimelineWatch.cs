//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;
using System.Collections.Generic;

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.IRQControllers;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Writes down what cores spend their time with: when they sleep, and which interrupt's handler they enter and leave.
    // The source of a record is the place of the core in the machine, the value the number of the interrupt. It exists
    // only while somebody wants to know. Nothing that happens depends on it.
    //
    // Renode's own hook for WFI tells a core that sleeps at the beginning of a quantum, and no shorter sleep. But a core
    // for which time has passed without instructions has slept, from behind the last one on.
    public sealed class TimelineWatch : IDisposable
    {
        public TimelineWatch(IMachine machine, uint capacity)
        {
            block = new RecordBlock(machine, capacity);
            enough = (int)capacity / 2;
            machine.LocalTimeSource.SyncHook += LookAtAll;
            block.OnDispose(() => machine.LocalTimeSource.SyncHook -= LookAtAll);
            ExceptionWatch.ForEachCore(machine, Follow, Follow);
        }

        public void Dispose()
        {
            block.Dispose();
        }

        public string Take(out int lost)
        {
            return block.Take(out lost);
        }

        // The address of a RecordBlock.
        public long Address => block.Address;

        private void Follow(CortexM cpu, NVIC nvic, int place)
        {
            var core = new Core(cpu, () => cpu.PerformanceInMips);
            cores.Add(core, place);
            if(nvic == null)
            {
                return;
            }
            // Which exception it will be is what the NVIC answers directly behind this hook.
            Follow(cpu, core, place,
                cause => cause == ExceptionWatch.InterruptCause ? nvic.FindPendingInterrupt() - FirstExternal : -1,
                () => (int)ExceptionWatch.GetException(cpu) - FirstExternal);
        }

        // A VPR does not say from which handler it returns: it is the last one that was entered.
        private void Follow(CPU.NRF_VPR cpu, int place)
        {
            var core = new Core(cpu, () => cpu.PerformanceInMips);
            cores.Add(core, place);
            var entered = new Stack<int>();
            Follow(cpu, core, place,
                cause =>
                {
                    var number = (cause & InterruptFlag) != 0 ? (int)(cause & InterruptMask) - FirstExternal : -1;
                    if(entered.Count < MostNested)
                    {
                        entered.Push(number);
                    }
                    return number;
                },
                () => entered.Count > 0 ? entered.Pop() : -1);
        }

        private void Follow(TranslationCPU cpu, Core core, int place, Func<ulong, int> getEntered, Func<int> getLeft)
        {
            Action<ulong> begin = cause => Handle(RecordKind.InterruptTaken, core, place, getEntered(cause));
            Action<ulong> end = _ => Handle(RecordKind.InterruptEnded, core, place, getLeft());
            cpu.AddHookAtInterruptBegin(begin);
            cpu.AddHookAtInterruptEnd(end);
            block.OnDispose(() =>
            {
                ExceptionWatch.Remove(cpu, "RemoveHookAtInterruptBegin", begin);
                ExceptionWatch.Remove(cpu, "RemoveHookAtInterruptEnd", end);
            });
        }

        private void Handle(RecordKind kind, Core core, int place, int number)
        {
            var time = Look(core, place);
            if(number >= 0)
            {
                if(kind == RecordKind.InterruptTaken)
                {
                    Wake(core, place);
                }
                Add(kind, place, number, time);
            }
        }

        private void LookAtAll(TimeInterval _)
        {
            foreach(var entry in cores)
            {
                Look(entry.Key, entry.Value);
            }
        }

        // Returns the time of the core, exact within a quantum: Renode counts the instructions of a slice to it at the
        // slice's end, or where a model asks for it. To ask here would let timers run earlier than without anybody who looks.
        private ulong Look(Core core, int place)
        {
            var reported = core.Reported;
            var executed = core.Cpu.ExecutedInstructions;
            if(core.Cpu.IsHalted || executed < core.Executed || executed == 0)
            {
                core.IsAsleep = false; // it has not begun, or somebody has halted or reset it, who tells that elsewhere
                core.Count(reported, executed);
                return reported;
            }
            if(executed > core.Executed)
            {
                Wake(core, place);
            }
            var exact = core.Since + (executed - core.Executed) * 1000 / core.Mips;
            if(exact + 2000 / core.Mips >= reported)
            {
                return Math.Max(exact, reported);
            }
            if(!core.IsAsleep)
            {
                core.IsAsleep = true;
                Add(RecordKind.FellAsleep, place, 0, exact);
            }
            core.Count(reported, executed);
            return reported;
        }

        private void Wake(Core core, int place)
        {
            if(core.IsAsleep)
            {
                core.IsAsleep = false;
                Add(RecordKind.Woke, place, 0, core.Since);
            }
        }

        private void Add(RecordKind kind, int place, int number, ulong time)
        {
            if(block.Add(kind, place, (uint)number, time) >= enough)
            {
                Lockstep.RequestHoldOfCurrent();
            }
        }

        // What is known of a core: it had executed so many instructions at a time at which all of them were counted.
        private sealed class Core
        {
            public Core(TranslationCPU cpu, Func<uint> getMips)
            {
                Cpu = cpu;
                this.getMips = getMips;
                Count(Reported, cpu.ExecutedInstructions);
            }

            public void Count(ulong time, ulong executed)
            {
                Since = time;
                Executed = executed;
            }

            public TranslationCPU Cpu { get; }

            public bool IsAsleep { get; set; }

            public ulong Since { get; private set; }

            public ulong Executed { get; private set; }

            public ulong Mips => Math.Max(1, getMips());

            public ulong Reported => Cpu.TimeHandle.TotalElapsedTime.Ticks / TimeInterval.TicksPerNanosecond;

            private readonly Func<uint> getMips;
        }

        private readonly Dictionary<Core, int> cores = new Dictionary<Core, int>();
        private readonly RecordBlock block;
        private readonly int enough;

        private const int FirstExternal = 16; // of the exceptions of a Cortex-M, and of the causes of a VPR
        private const int MostNested = 256;
        private const ulong InterruptFlag = 1ul << 31;
        private const ulong InterruptMask = 0xFFF;
    }
}
