"""What this machine can do for the lab; each finding with its fix."""
from dataclasses import dataclass
__all__ = ["DoctorReport", "examine"]
class DoctorReport: pass
def examine(uri, refresh=False): return DoctorReport()
