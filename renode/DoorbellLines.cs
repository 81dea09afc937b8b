//
// Copyright (c) 2026 The icmsg authors
//
// This file is licensed under the MIT License, as the models of Renode are.
//
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

using Antmicro.Renode.Core;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    // The interrupt lines of a peripheral: its numbered outputs, or the one that is called IRQ.
    public static class DoorbellLines
    {
        // By the number of the output; that of IRQ is 0.
        public static IEnumerable<KeyValuePair<int, GPIO>> Of(IPeripheral peripheral)
        {
            var numbered = peripheral as INumberedGPIOOutput;
            if(numbered != null)
            {
                return numbered.Connections.Select(output => new KeyValuePair<int, GPIO>(output.Key, (GPIO)output.Value));
            }
            var line = Find(peripheral, "IRQ");
            return line == null ? Enumerable.Empty<KeyValuePair<int, GPIO>>() : new[] { new KeyValuePair<int, GPIO>(0, line) };
        }

        // An output by name or number; null if there is none.
        public static GPIO Find(IPeripheral peripheral, string output)
        {
            var numbered = peripheral as INumberedGPIOOutput;
            if(numbered != null && int.TryParse(output, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                return numbered.Connections.TryGetValue(number, out var line) ? line as GPIO : null;
            }
            return peripheral.GetType().GetProperty(output)?.GetValue(peripheral) as GPIO;
        }
    }
}
