"""X12: the envelope read and written, for whichever connector speaks it."""
