# Objects whose layouts verify.cpp compares with what the API says of them.
def function(first, second=2):
    third = first
    return lambda: third


def generator(first):
    yield first


class Class:
    pass


instance = Class()
instance.attribute = 12345678901
closure = function(instance)
suspended = generator(instance)
fresh = generator(instance)
next(suspended)
