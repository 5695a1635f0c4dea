# Objects whose layouts verify.cpp compares with what the API says of them. It provides `instance`, and no builtins:
# those of a program may be anything.
def function(first, second=2):
    third = first
    return lambda: third


def generator(first):
    yield first


closure = function(instance)  # noqa: F821
suspended = generator(instance)  # noqa: F821
fresh = generator(instance)  # noqa: F821
