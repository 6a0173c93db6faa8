"""A supplier, or a warehouse, that speaks in files: a local folder or SFTP."""
