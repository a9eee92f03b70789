"""The networks. Importing this package imports Keras and registers every network file beside this one."""

import importlib
import pkgutil

from imle.models.registry import build, names, network, register

__all__ = ["build", "names", "network", "register"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
