"""The outbox and the wire: what is told, through which channel, and whether it arrived."""
