"""A WebRTC caller for the terminal: it shares the wire formats with the transceiver and nothing else."""
