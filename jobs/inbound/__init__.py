"""INBOUND: what comes from outside over HTTP. Hints hurry units; nothing they say is believed."""
