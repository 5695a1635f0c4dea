"""Method calls on an object of one class."""


class Account:
    def __init__(self, balance: int) -> None:
        self.balance = balance

    def pay_in(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    def available(self) -> int:
        return self.balance

    def allows(self, amount: int) -> bool:
        return self.available() >= amount


def work(account: Account) -> int:
    allowed = 0
    for amount in range(100):
        account.pay_in(1)
        if account.allows(amount):
            allowed += 1
    return allowed


def run(n: int) -> int:
    account = Account(0)
    total = 0
    for _ in range(n):
        total += work(account)
    return total + account.balance
