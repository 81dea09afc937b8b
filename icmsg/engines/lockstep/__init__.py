"""Base of engines where Python works between steps, at synchronization points of somebody else's emulation."""
