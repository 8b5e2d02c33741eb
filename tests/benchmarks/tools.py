"""The tools of a request; they are never called, because the reply is text."""

from __future__ import annotations


def weather(city: str) -> str:
    """
    Return the weather of a city.
    """
    return f"Sun in {city}."


def population(city: str) -> int:
    """
    Return the population of a city.
    """
    return len(city)


def twin_cities(city: str) -> list[str]:
    """
    Return the twin cities of a city.
    """
    return [city]


TOOLS = (weather, population, twin_cities)
