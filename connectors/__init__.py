"""SPEAK. One folder per remote; wire formats never leave it."""
