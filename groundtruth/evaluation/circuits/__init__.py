"""Scoring what a localization method finds in compiled models against their exact circuits."""
