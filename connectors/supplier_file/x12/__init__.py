"""X12 as suppliers really write it: inventory (846)."""
