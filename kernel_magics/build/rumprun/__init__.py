"""Upstream Rumprun: its installed toolchain as a kit beside rumpkit."""

from kernel_magics.build.baked import BakeRecipe
from kernel_magics.build.rumprun.components import ComponentList, list_components
from kernel_magics.build.rumprun.configurations import (
    BakeConfiguration,
    BakeList,
    bake_configurations,
    find_bake,
    list_bakes,
)
from kernel_magics.build.rumprun.kit import RumprunKit
from kernel_magics.build.rumprun.recipe import program_recipe, read_recipe
from kernel_magics.build.rumprun.toolchain import RumprunToolchain, find_rumprun, rumprun_problem

__all__ = ["BakeConfiguration", "BakeList", "BakeRecipe", "ComponentList", "RumprunKit",
           "RumprunToolchain", "bake_configurations", "find_bake", "find_rumprun", "list_bakes",
           "list_components", "program_recipe", "read_recipe", "rumprun_problem"]
