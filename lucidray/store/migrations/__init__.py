"""How the database came to be what it is, step by step; applied by `lucidray.store.database` when it is opened."""
