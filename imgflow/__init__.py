"""imgflow: product photos in, clean cutouts out."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports its use to its maker, with an identifier of the machine that it keeps below the home folder, from
# the moment it is imported. Only this variable keeps it from that: its own `disable_telemetry_events` comes too late.
# Set here, it holds wherever imgflow imports it, and for the processes that imgflow starts.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
