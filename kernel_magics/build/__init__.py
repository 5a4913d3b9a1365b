"""Source text → guest image."""

from kernel_magics.build.cache import BuildCache
from kernel_magics.build.diagnostics import Diagnostic
from kernel_magics.build.image import GuestImage
from kernel_magics.build.kits import BuildRequest, Source, find_kit
from kernel_magics.build.rumpkit import RumpkitKit
from kernel_magics.build.rumprun import RumprunKit

__all__ = ["BuildCache", "BuildRequest", "Diagnostic", "GuestImage", "RumpkitKit",
           "RumprunKit", "Source", "find_kit"]
