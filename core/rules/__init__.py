"""What follows from the facts. Pure functions: every outcome is a value with its Reason (I7)."""
