"""The store: tables, transactions, statements."""
