"""Hardware as Python touches it: the bus, register blocks, emulated peripherals and mailbox drivers."""
