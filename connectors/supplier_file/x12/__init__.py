"""X12 as suppliers really write it: the envelope, and inventory (846)."""
