"""Facts about an image or a guest.  Importing this package gives both their facets."""

from kernel_magics.boot.guest import FACETS as GUEST_FACETS
from kernel_magics.build.image import FACETS as IMAGE_FACETS
from kernel_magics.inspect.debugger import Debugger
from kernel_magics.inspect.disassembly import ImageCode
from kernel_magics.inspect.dumping import dumper
from kernel_magics.inspect.headers import notes_of, sections_of, segments_of
from kernel_magics.inspect.image_diff import diff_of
from kernel_magics.inspect.layers import BOUNDARIES, LAYERS, GuestLayers, ImageLayers
from kernel_magics.inspect.link import LinkRecord
from kernel_magics.inspect.locks import GuestLocks
from kernel_magics.inspect.memory import GuestMemory
from kernel_magics.inspect.panic import PanicReport, read_panic
from kernel_magics.inspect.probes import PROBES
from kernel_magics.inspect.program import program_of
from kernel_magics.inspect.sizes import Sizes
from kernel_magics.inspect.symbols import Symbol, SymbolIndex
from kernel_magics.inspect.threads import GuestThreads
from kernel_magics.inspect.variables import GuestVariables

__all__ = ["BOUNDARIES", "LAYERS", "GuestLayers", "ImageLayers", "PanicReport", "Sizes",
           "Symbol", "SymbolIndex", "program_of", "read_panic"]

IMAGE_FACETS["symbols"] = SymbolIndex
IMAGE_FACETS["sizes"] = Sizes
IMAGE_FACETS["layers"] = ImageLayers
IMAGE_FACETS["link"] = LinkRecord
IMAGE_FACETS["code"] = ImageCode
IMAGE_FACETS["diff"] = diff_of
IMAGE_FACETS["sections"] = sections_of
IMAGE_FACETS["segments"] = segments_of
IMAGE_FACETS["notes"] = notes_of

GUEST_FACETS["panic"] = read_panic
GUEST_FACETS["layers"] = GuestLayers
GUEST_FACETS["threads"] = GuestThreads
GUEST_FACETS["locks"] = GuestLocks
GUEST_FACETS["memory"] = GuestMemory
GUEST_FACETS["drgn"] = program_of
GUEST_FACETS["vars"] = GuestVariables
GUEST_FACETS["debugger"] = Debugger
GUEST_FACETS["dump"] = dumper
GUEST_FACETS.update(PROBES)
