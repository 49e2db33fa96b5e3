"""What lucidray talks about: types, protocols, errors. NumPy and pydantic only, and nothing that touches a file."""
