"""RISC-V cores behind the seam of ``embedded/processor.py``: what all share, harts of CPU.RiscV32, and Nordic's VPR."""
