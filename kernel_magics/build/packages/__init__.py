"""Debian packages → a root file system and a guest image that runs a program of it."""

from kernel_magics.build.packages.package import PackageRequest, build_package, debian_packages
from kernel_magics.build.packages.stacks import run_names, stack_names

__all__ = ["PackageRequest", "build_package", "debian_packages", "run_names", "stack_names"]
