"""Mail, as several connectors speak it: SMTP out, a mailbox in."""
