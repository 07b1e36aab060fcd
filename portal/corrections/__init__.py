"""Corrections of the register that the field proposes and a supervisor decides."""
