//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System;

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.UART;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // Writes down what UARTs send; the source of a record is the place of the UART among the arguments of the
    // constructor.
    public sealed class ConsoleCapture : IDisposable
    {
        public ConsoleCapture(IMachine machine, uint capacity, IUART[] uarts)
        {
            block = new RecordBlock(machine, capacity);
            for(var i = 0; i < uarts.Length; i++)
            {
                Follow(uarts[i], i);
            }
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

        private void Follow(IUART uart, int source)
        {
            Action<byte> onByte = value =>
            {
                block.SyncTime();
                block.Add(RecordKind.ByteSent, source, value);
            };
            uart.CharReceived += onByte;
            block.OnDispose(() => uart.CharReceived -= onByte);
        }

        private readonly RecordBlock block;
    }
}
