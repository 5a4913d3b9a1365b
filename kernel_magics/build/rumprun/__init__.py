"""Upstream Rumprun: its installed toolchain as a kit beside rumpkit."""

from kernel_magics.build.rumprun.baking import BakeConfiguration, bake_configurations
from kernel_magics.build.rumprun.kit import RumprunKit
from kernel_magics.build.rumprun.recipe import BakeRecipe, read_recipe
from kernel_magics.build.rumprun.toolchain import RumprunToolchain, find_rumprun, rumprun_problem

__all__ = ["BakeConfiguration", "BakeRecipe", "RumprunKit", "RumprunToolchain",
           "bake_configurations", "find_rumprun", "read_recipe", "rumprun_problem"]
