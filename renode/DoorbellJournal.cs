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
using Antmicro.Renode.Peripherals;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.IRQControllers;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // A mailbox of one core, of whatever kind, as those see it who hold the emulation while Python plays a core. Its
    // interrupt lines are its outputs, see DoorbellLines.
    public interface IDoorbell : IPeripheral
    {
        // A channel is about to be rung, by its number. Raised on the thread that makes the access, which can be that
        // of a core: a handler must neither wait nor throw.
        event Action<IDoorbell, int> TaskTriggered;
    }

    // Writes down which core rang and which interrupt line rose; the source of a record is the place of the mailbox
    // among the arguments of the constructor. It also writes down when firmware holds a core in reset or lets it go; the
    // source is the place of the CoreHolder in the machine then. Of faults an ExceptionWatch writes.
    public sealed class DoorbellJournal : IDisposable
    {
        public DoorbellJournal(IMachine machine, uint capacity, IDoorbell[] instances)
        {
            block = new RecordBlock(machine, capacity);
            for(var i = 0; i < instances.Length; i++)
            {
                Follow(instances[i], i);
            }
            var place = 0;
            foreach(var holder in machine.GetPeripheralsOfType<CoreHolder>())
            {
                Follow(holder, place++);
            }
            foreach(var cpu in machine.SystemBus.GetCPUs())
            {
                Follow(cpu);
            }
            foreach(var nvic in machine.GetPeripheralsOfType<NVIC>())
            {
                Follow(machine, nvic);
            }
            new ExceptionWatch(machine, block, () => HoldOnTask?.RequestHold());
        }

        public void Dispose()
        {
            block.Dispose();
        }

        // What a core executed before its last reset, which sets its own counter to 0.
        public ulong GetInstructionsBeforeReset(ICPU cpu)
        {
            return instructionsBeforeReset.TryGetValue(cpu, out var count) ? count : 0;
        }

        // Held at the next synchronization point after each record; null lets the emulation go on.
        public Lockstep HoldOnTask { get; set; }

        public string Take(out int lost)
        {
            return block.Take(out lost);
        }

        // The address of a RecordBlock.
        public long Address => block.Address;

        private void Follow(IDoorbell instance, int source)
        {
            Action<IDoorbell, int> onTask = (_, task) =>
            {
                block.SyncTime();
                block.Add(RecordKind.TaskTriggered, source, (uint)task);
                HoldOnTask?.RequestHold();
            };
            instance.TaskTriggered += onTask;
            block.OnDispose(() => instance.TaskTriggered -= onTask);
            foreach(var output in DoorbellLines.Of(instance))
            {
                Follow(output.Value, source, output.Key);
            }
        }

        private void Follow(GPIO line, int source, int output)
        {
            Action<bool> onLine = value =>
            {
                if(value)
                {
                    block.Add(RecordKind.LineRose, source, (uint)output);
                    HoldOnTask?.RequestHold();
                }
            };
            line.AddStateChangedHook(onLine);
            block.OnDispose(() => line.RemoveStateChangedHook(onLine));
        }

        private void Follow(CoreHolder holder, int source)
        {
            Action onHeld = () => AddPower(RecordKind.CoreHeld, source);
            Action onReleased = () => AddPower(RecordKind.CoreReleased, source);
            Action onRestarted = () => AddPower(RecordKind.CoreRestarted, source);
            holder.CoreHeld += onHeld;
            holder.CoreReleased += onReleased;
            holder.CoreRestarted += onRestarted;
            block.OnDispose(() =>
            {
                holder.CoreHeld -= onHeld;
                holder.CoreReleased -= onReleased;
                holder.CoreRestarted -= onRestarted;
            });
        }

        private void AddPower(RecordKind kind, int source)
        {
            block.SyncTime();
            block.Add(kind, source, 0);
            HoldOnTask?.RequestHold();
        }

        // The state changes before the reset has touched the counter.
        private void Follow(ICPU cpu)
        {
            Action<ICPU, EmulationCPUState, EmulationCPUState> onState = (_, __, state) =>
            {
                if(state == EmulationCPUState.InReset)
                {
                    instructionsBeforeReset[cpu] = GetInstructionsBeforeReset(cpu) + cpu.ExecutedInstructions;
                }
            };
            cpu.StateChanged += onState;
            block.OnDispose(() => cpu.StateChanged -= onState);
        }

        // Renode resets the whole machine where firmware resets its core, and in a lockstep time stands still for ever
        // then. So the reader resets what the SoC resets. Without a lockstep it stays as Renode has it.
        private void Follow(IMachine machine, NVIC nvic)
        {
            var field = typeof(NVIC).GetField("resetMachine", BindingFlags.Instance | BindingFlags.NonPublic);
            var owner = typeof(NVIC).GetField("cpu", BindingFlags.Instance | BindingFlags.NonPublic);
            var resetMachine = field?.GetValue(nvic) as Action;
            var source = machine.SystemBus.GetCPUs().ToList().IndexOf(owner?.GetValue(nvic) as ICPU);
            if(resetMachine == null || source < 0)
            {
                return;
            }
            Action onRequest = () =>
            {
                if(!Lockstep.Exists)
                {
                    resetMachine();
                    return;
                }
                AddPower(RecordKind.ResetRequested, source);
            };
            field.SetValue(nvic, onRequest);
            block.OnDispose(() => field.SetValue(nvic, resetMachine));
        }

        private readonly Dictionary<ICPU, ulong> instructionsBeforeReset = new Dictionary<ICPU, ulong>();
        private readonly RecordBlock block;
    }
}
