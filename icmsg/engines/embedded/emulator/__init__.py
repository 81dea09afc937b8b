"""The parts around unicorn that every processor shares: its interface, slices of time, memory, code that changes."""
