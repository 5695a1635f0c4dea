"""Properties, read and set."""


class Temperature:
    def __init__(self, celsius: float) -> None:
        self._celsius = celsius

    @property
    def celsius(self) -> float:
        return self._celsius

    @celsius.setter
    def celsius(self, value: float) -> None:
        self._celsius = value

    @property
    def fahrenheit(self) -> float:
        return self._celsius * 1.8 + 32.0


def work(temperature: Temperature) -> float:
    total = 0.0
    for i in range(50):
        temperature.celsius = i
        total += temperature.celsius + temperature.fahrenheit
    return total


def run(n: int) -> float:
    temperature = Temperature(1.0)
    total = 0.0
    for _ in range(n):
        total += work(temperature)
    return total
