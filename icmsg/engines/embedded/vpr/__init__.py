"""Nordic's VPR behind the seam of ``embedded/processor.py``: RV32E M C with a CLIC and hardware stacking."""
