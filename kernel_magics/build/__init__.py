"""Source text → guest image."""

from kernel_magics.build.cache import BuildCache
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import BuildRequest, Source, find_kit
from kernel_magics.build.rumpkit import RumpkitKit

__all__ = ["BuildCache", "BuildRequest", "Diagnostic", "GuestImage", "RumpkitKit", "Source",
           "find_kit"]
