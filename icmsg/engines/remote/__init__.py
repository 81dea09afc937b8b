"""The engine for a Renode in another process: everything goes through commands of its Monitor."""
