"""Localization methods, one file each, named as their papers name them."""
