"""Debian packages → a root file system and a guest image that runs a program of it."""

from kernel_magics.build.packages.package import PackageRequest, build_package, debian_packages

__all__ = ["PackageRequest", "build_package", "debian_packages"]
