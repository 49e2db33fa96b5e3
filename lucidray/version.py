"""The version of lucidray."""

VERSION = "0.1.0"
