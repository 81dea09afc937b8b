"""RISC-V cores behind the seam of ``embedded/processor.py``: what all of them share, and the harts of CPU.RiscV32."""
