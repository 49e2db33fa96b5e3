"""The collections that `lucidray data prepare` knows, one file a collection."""
