"""lucidray: a chest radiograph in, a reading you can check out. Research use only, not for clinical diagnosis."""
