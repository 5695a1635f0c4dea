"""Attributes of classes, read from the class and through an instance, and class methods."""


class Settings:
    limit = 10
    factor = 3

    @classmethod
    def scaled(cls, x: int) -> int:
        return x * cls.factor

    @staticmethod
    def plus(x: int) -> int:
        return x + 1

    def bounded(self, x: int) -> int:
        return x if x < self.limit else self.limit


def work(settings: Settings) -> int:
    total = 0
    for i in range(50):
        total += Settings.limit + settings.factor
        total += Settings.scaled(i) + Settings.plus(i)
        total += settings.bounded(i)
    return total


def run(n: int) -> int:
    settings = Settings()
    total = 0
    for _ in range(n):
        total += work(settings)
    return total
