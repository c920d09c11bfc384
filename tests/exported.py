"""The classes that a package exports, so that a contract test covers a new one by itself."""

import inspect
from types import ModuleType


def exported(package: ModuleType, base: type) -> dict[str, type]:
    """Classes of `package.__all__` below `base`, by name; abstract ones are left out."""
    public = {name: getattr(package, name) for name in package.__all__}
    return {
        name: found
        for name, found in public.items()
        if isinstance(found, type) and issubclass(found, base) and not inspect.isabstract(found)
    }
