"""A supplier that takes purchase orders as mails, and answers on a page of ours or by mail."""
