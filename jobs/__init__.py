"""RUN. Pull, record, decide, push: units of work over one store."""
