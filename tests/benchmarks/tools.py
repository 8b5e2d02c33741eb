"""The functions of a call with tools. Nothing calls them: the reply is a text."""

from __future__ import annotations


def weather(city: str) -> str:
    """
    Tell the weather of a city.
    """
    return f"Sun in {city}."


def population(city: str) -> int:
    """
    Count the people of a city.
    """
    return len(city)


def twin_cities(city: str) -> list[str]:
    """
    List the twins of a city.
    """
    return [city]


TOOLS = (weather, population, twin_cities)
