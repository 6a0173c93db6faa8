"""Suppliers that trade in X12: 850 out, 997, 855, 856 and 810 in."""
