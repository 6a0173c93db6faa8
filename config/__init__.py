"""DESCRIBES. The YAML tree, validated, with every problem told at once."""
