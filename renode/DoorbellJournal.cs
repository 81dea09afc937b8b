//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;

using Antmicro.Renode.Core;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Writes down which core rang and which interrupt line rose; the source of a record is the place of the NRF_IPC
    // among the arguments of the constructor.
    public sealed class DoorbellJournal : IDisposable
    {
        public DoorbellJournal(IMachine machine, uint capacity, NRF_IPC[] instances)
        {
            block = new RecordBlock(machine, capacity);
            for(var i = 0; i < instances.Length; i++)
            {
                Follow(instances[i], i);
            }
        }

        public void Dispose()
        {
            block.Dispose();
        }

        // Held at the next synchronization point after each task; null lets the emulation go on.
        public Lockstep HoldOnTask { get; set; }

        public string Take(out int lost)
        {
            return block.Take(out lost);
        }

        // The address of a RecordBlock.
        public long Address => block.Address;

        private void Follow(NRF_IPC instance, int source)
        {
            Action<NRF_IPC, int> onTask = (_, task) =>
            {
                block.SyncTime();
                block.Add(RecordKind.TaskTriggered, source, (uint)task);
                HoldOnTask?.RequestHold();
            };
            Action<bool> onLine = value =>
            {
                if(value)
                {
                    block.Add(RecordKind.LineRose, source, 0);
                }
            };
            instance.TaskTriggered += onTask;
            instance.IRQ.AddStateChangedHook(onLine);
            block.OnDispose(() =>
            {
                instance.TaskTriggered -= onTask;
                instance.IRQ.RemoveStateChangedHook(onLine);
            });
        }

        private readonly RecordBlock block;
    }
}
