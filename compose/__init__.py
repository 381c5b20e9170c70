"""What the containers need beside our services: their start, their health, their databases, their secrets."""
