# known: under an evaluator (as without watchers) the caller's stack keeps arguments until the call returns
def forgets(x):
    del x
    log("deleted")


def calls(n):
    forgets(Noisy(n))


for n in range(6):
    calls(n)
