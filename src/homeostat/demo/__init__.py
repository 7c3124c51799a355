"""The demonstration: a year of real flights, and a model that stays healthy through it."""
