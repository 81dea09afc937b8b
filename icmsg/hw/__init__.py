"""How Python touches hardware: the bus, register blocks, emulated peripherals and mailbox drivers."""
