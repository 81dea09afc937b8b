"""What engines share in which Python works between steps, at synchronization points of somebody else's emulation."""
