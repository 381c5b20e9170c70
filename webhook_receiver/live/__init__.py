"""What changes, told to whoever listens on a WebSocket, as it changes."""
