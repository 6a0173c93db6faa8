"""Folders at a partner, for whichever connector speaks in files: reached, read, written to."""
